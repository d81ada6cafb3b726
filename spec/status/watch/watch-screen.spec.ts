import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ServicePortName } from '../../../src/model/service-port.js';
import type { ServicePortView } from '../../../src/proxier/proxy-view.js';
import { watchScreen } from '../../../src/status/watch/watch-screen.js';
import {
  aReport,
  aServicePort,
  aServicePortView,
  aView,
  NOON,
  portalCounters,
} from '../../support/proxy-values.js';

const ENDLESS = { columns: Number.POSITIVE_INFINITY, rows: Number.POSITIVE_INFINITY };
const TERMINAL = { columns: 80, rows: 24 };

function many(count: number, namespace = 'default') {
  const names = Array.from(
    { length: count },
    (_, index): ServicePortName => `${namespace}/service-${index}:http`,
  );
  return aReport({
    view: aView(
      names.map((name) => aServicePortView({ servicePort: aServicePort({ name }) })),
      {
        errors: ['STEERING_FAILED: one', 'two', 'three', 'four', 'five'],
      },
    ),
  });
}

describe('the screen of status --watch', () => {
  it('has the state of the proxy, and a line for each service port', () => {
    const at = (second: number, total: number) =>
      aReport({
        now: NOON + second * 1_000,
        counters: new Map([
          [
            'default/whoami:http',
            portalCounters({
              activeConnections: 3,
              totalConnections: total,
              bytesIn: total * 1024,
              endpoints: new Map([['10.1.0.1:3001', { connections: 1, totalConnections: 1, setAsideMs: 1 }]]),
            }),
          ],
        ]),
      });
    const lines = watchScreen({ report: at(2, 30), before: at(0, 10), failure: null }, TERMINAL);
    expect(lines).toEqual([
      'kube-splice 0.1.0, up 2m7s, relay portable, steering none',
      '1 service port, 1 with trouble; synced 4s ago',
      '',
      '  NAME                  OPEN   NEW/S     IN/S    OUT/S   ENDPOINTS',
      '! default/whoami:http      3    10.0  10.0KiB       0B      1 of 2',
    ]);
  });

  it('shows no rates of a moment that has passed while the proxy does not answer', () => {
    const report = aReport();
    const [told, ...lines] = watchScreen(
      { report, before: report, failure: 'no kube-splice answers' },
      TERMINAL,
    );
    expect(told).toBe('! no kube-splice answers');
    expect(lines.at(-1)).toMatch(/default\/whoami:http +0 +- +- +- +2$/);
    expect(watchScreen({ report: null, before: null, failure: 'gone' }, TERMINAL)).toEqual(['! gone']);
  });

  it('tells of errors, and of how many more there are', () => {
    const lines = watchScreen({ report: many(1), before: null, failure: null }, ENDLESS);
    expect(lines.filter((line) => line.startsWith('! '))).toEqual([
      '! STEERING_FAILED: one',
      '! two',
      '! three',
      '! 2 further errors: kube-splice status',
    ]);
  });

  it('tells how many lines it has no room for', () => {
    const lines = watchScreen({ report: many(100), before: null, failure: null }, TERMINAL);
    expect(lines).toHaveLength(24);
    // Seven lines of state, the headings, and itself: of a hundred service ports fifteen are shown.
    expect(lines.at(-1)).toBe('85 more below');
    expect(watchScreen({ report: many(100), before: null, failure: null }, ENDLESS)).toHaveLength(108);
  });

  it('shortens a name that is too long, and keeps its end', () => {
    const lines = watchScreen({ report: many(1, 'n'.repeat(60)), before: null, failure: null }, TERMINAL);
    expect(lines.at(-1)).toMatch(/^ {2}…n+\/service-0:http +0 .* 2$/);
    expect(lines.at(-1)).toHaveLength(80);
  });

  const portal = { address: '0.0.0.0', port: 40_124 };
  it.each<[string, Partial<ServicePortView>, RegExp]>([
    ['a portal that is not open', { portal: null, error: 'E: x' }, /^! .* no portal$/],
    ['what is wrong with a portal that is open', { error: 'E: x' }, /^! .* error$/],
    ['one without endpoints', { endpoints: [] }, /^! .* none$/],
    [
      'no trouble where nothing on this node serves traffic from outside',
      { external: { endpoints: [], portal, error: null } },
      /^ {2}.* 2$/,
    ],
    [
      'a portal of traffic from outside that is not open',
      { external: { endpoints: [], portal: null, error: null } },
      /^! .* no portal$/,
    ],
  ])('shows %s', (_what, changes, line) => {
    const report = aReport({ view: aView([aServicePortView(changes)]) });
    expect(watchScreen({ report, before: null, failure: null }, TERMINAL).at(-1)).toMatch(line);
  });

  it('never is larger than the terminal, nor has what a terminal would obey', () => {
    fc.assert(
      fc.property(
        fc.record({ columns: fc.integer({ min: 1, max: 120 }), rows: fc.integer({ min: 1, max: 40 }) }),
        fc.integer({ min: 0, max: 60 }),
        fc.option(fc.string({ unit: 'binary' })),
        (size, count, failure) => {
          const lines = watchScreen({ report: many(count), before: null, failure }, size);
          expect(lines.length).toBeLessThanOrEqual(size.rows);
          expect(lines.every((line) => line.length <= size.columns && !/\p{Cc}/u.test(line))).toBe(true);
        },
      ),
    );
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shareBar, shareText, sparkline } from '../../../src/status/page/charts.js';
import { SAMPLES } from '../../../src/status/page/traffic-history.js';
import type { EndpointStatus } from '../../../src/status/service-port-status.js';
import { aReport } from '../../support/proxy-values.js';

function carried(totalConnections: number, setAsideUntil: string | null = null): EndpointStatus {
  const one = aReport().servicePorts[0]?.endpoints[0];
  if (one === undefined) throw new Error('the service port of a report has endpoints');
  return { ...one, totalConnections, setAsideUntil };
}

const segments = (endpoints: readonly EndpointStatus[]) =>
  [...shareBar(endpoints).text.matchAll(/class="(\w+)" x="([\d.]+)" y="0" width="([\d.]+)"/g)].map(
    ([, kind, x, width]) => ({ kind, x: Number(x), width: Number(width) }),
  );

describe('the bar of shares', () => {
  it('gives each endpoint what it carried', () => {
    expect(segments([carried(30), carried(10)])).toEqual([
      { kind: 'even', x: 0, width: 74.4 },
      { kind: 'odd', x: 75, width: 24.4 },
    ]);
  });

  it('is pale and even where nothing was carried', () => {
    expect(segments([carried(0), carried(0)]).map(({ kind }) => kind)).toEqual(['idle', 'idle']);
  });

  it('shows one that is set aside also where it carried nothing', () => {
    const [, aside] = segments([carried(10), carried(0, '2026-11-22T12:00:00.000Z')]);
    expect(aside?.kind).toBe('aside');
    expect(aside?.width).toBeGreaterThan(3);
  });

  it('never leaves its place, however many endpoints there are', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.nat(1_000_000).map((count) => carried(count)),
          { maxLength: 60 },
        ),
        (endpoints) => {
          for (const { x, width } of segments(endpoints)) expect(x + width).toBeLessThanOrEqual(100.02);
          expect(segments(endpoints).length).toBeLessThanOrEqual(25);
        },
      ),
    );
  });
});

it('a share is in percent, and a dash where nothing was carried', () => {
  const [one, other] = [carried(1), carried(2)];
  expect(shareText(one, [one, other])).toBe('33.3 %');
  expect(shareText(carried(0), [carried(0)])).toBe('–');
});

it('a sparkline stays in its place, with the newest rate at the right edge', () => {
  fc.assert(
    fc.property(
      fc.array(fc.float({ min: 0, max: 1e9, noNaN: true }), { minLength: 2, maxLength: SAMPLES }),
      (rates) => {
        fc.pre(Math.max(...rates) > 0);
        const line = /class="line" d="M([^"]+)"/.exec(sparkline(rates).text)?.[1] ?? '';
        const points = line.split('L').map((point) => point.split(' ').map(Number));
        expect(points).toHaveLength(rates.length);
        expect(points.at(-1)?.[0]).toBe(2 * (SAMPLES - 1));
        for (const [x = -1, y = -1] of points) expect(Math.min(x, y, 24 - y)).toBeGreaterThanOrEqual(0);
      },
    ),
  );
});

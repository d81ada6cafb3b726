import { describe, expect, it } from 'vitest';
import type { ServicePortName } from '../../../src/model/service-port.js';
import type { PortalCounters } from '../../../src/relay/engine.js';
import { trafficOf } from '../../../src/status/watch/traffic-rates.js';
import {
  aReport,
  aServicePort,
  aServicePortView,
  aView,
  NOON,
  portalCounters,
} from '../../support/proxy-values.js';

const view = (name: ServicePortName) => aServicePortView({ servicePort: aServicePort({ name }) });

function report(second: number, counters: Readonly<Record<ServicePortName, Partial<PortalCounters>>>) {
  const names = Object.keys(counters) as ServicePortName[];
  return aReport({
    now: NOON + second * 1_000,
    view: aView(names.map(view)),
    counters: new Map(names.map((name) => [name, portalCounters(counters[name])])),
  });
}

describe('what service ports carry', () => {
  it('is the difference of two reports for each second between them', () => {
    const before = report(0, { 'default/a': { totalConnections: 10, bytesIn: 1_000, bytesOut: 0 } });
    const now = report(4, {
      'default/a': {
        activeConnections: 3,
        udpSessions: 1,
        totalConnections: 18,
        totalUdpSessions: 2,
        bytesIn: 5_000,
        bytesOut: 40,
      },
    });
    expect(trafficOf(now, before)).toMatchObject([
      { open: 4, newPerSecond: 2.5, bytesInPerSecond: 1_000, bytesOutPerSecond: 10 },
    ]);
  });

  it('is not known without an earlier report, of a new service port, and of a portal that was opened anew', () => {
    const unknown = { newPerSecond: null, bytesInPerSecond: null, bytesOutPerSecond: null };
    const now = report(1, { 'default/a': { totalConnections: 1 } });
    expect(trafficOf(now, null)).toMatchObject([unknown]);
    expect(trafficOf(now, report(0, { 'default/b': {} }))).toMatchObject([unknown]);
    expect(trafficOf(now, report(1, { 'default/a': {} }))).toMatchObject([unknown]);
    expect(trafficOf(now, report(0, { 'default/a': { totalConnections: 2 } }))).toMatchObject([
      { newPerSecond: null, bytesInPerSecond: 0 },
    ]);
  });

  it('is not known from the report of another run', () => {
    const now = report(1, { 'default/a': {} });
    const before = { ...report(0, { 'default/a': {} }), startedAt: '2026-01-01T00:00:00.000Z' };
    expect(trafficOf(now, before)).toMatchObject([{ newPerSecond: null }]);
  });

  it('counts the portal of external traffic in', () => {
    const external = { endpoints: [], portal: { address: '0.0.0.0', port: 2 }, error: null };
    const counters = new Map([
      ['default/whoami:http', portalCounters({ activeConnections: 1 })],
      ['default/whoami:http@external', portalCounters({ activeConnections: 2 })],
    ]);
    expect(
      trafficOf(aReport({ view: aView([aServicePortView({ external })]), counters }), null),
    ).toMatchObject([{ open: 3 }]);
  });

  it('shows trouble first, then the busiest, then by name', () => {
    const names: ServicePortName[] = ['default/d', 'default/c', 'default/b', 'default/a', 'default/broken'];
    const at = (second: number, bytesIn: number) =>
      aReport({
        now: NOON + second * 1_000,
        view: aView(
          names.map((name) => ({ ...view(name), ...(name === 'default/broken' ? { endpoints: [] } : {}) })),
        ),
        counters: new Map([['default/c', portalCounters({ bytesIn })]]),
      });
    expect(trafficOf(at(1, 100), at(0, 0)).map(({ servicePort }) => servicePort.name)).toEqual([
      'default/broken',
      'default/c',
      'default/a',
      'default/b',
      'default/d',
    ]);
  });

  it.each([
    ['is not open', { portal: null, error: 'PORT_RANGE_EXHAUSTED: …' }],
    ['has no endpoints', { endpoints: [] }],
    ['has none for traffic from outside', { external: { endpoints: [], portal: null, error: null } }],
  ])('counts it as trouble where a portal %s', (_what, changes) => {
    const sound = view('default/a');
    const broken = { ...view('default/z'), ...changes };
    const [first] = trafficOf(aReport({ view: aView([sound, broken]) }), null);
    expect(first?.servicePort.name).toBe('default/z');
  });

  it('counts it as trouble where an endpoint is set aside', () => {
    const counters = new Map([
      [
        'default/z',
        portalCounters({
          endpoints: new Map([['10.1.0.1:3001', { connections: 0, totalConnections: 0, setAsideMs: 1 }]]),
        }),
      ],
    ]);
    const [first] = trafficOf(
      aReport({ view: aView([view('default/a'), view('default/z')]), counters }),
      null,
    );
    expect(first?.servicePort.name).toBe('default/z');
  });
});

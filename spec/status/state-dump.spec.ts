import { describe, expect, it } from 'vitest';
import type { RecentFailure } from '../../src/relay/recent-failures.js';
import { MOST_LINES, type StateLine, stateDump } from '../../src/status/state-dump.js';
import {
  aReport,
  aServicePort,
  aServicePortView,
  aView,
  endpoints,
  NOON,
  portalCounters,
} from '../support/proxy-values.js';

const USAGE = { openFiles: 23, openFileLimit: 1024, residentBytes: 90_000_000, heapBytes: 20_000_000 };
const FAILURE: RecentFailure = {
  at: NOON,
  failure: {
    name: 'default/whoami:http',
    protocol: 'TCP',
    client: { address: '10.0.0.7', port: 40_000 },
    endpoint: endpoints(3001)[0] ?? { key: '', address: '', port: 0 },
    reason: 'dial-refused',
    detail: 'ECONNREFUSED',
    final: false,
  },
};

function linesOf(kind: string, lines: readonly StateLine[]) {
  return lines.filter(({ message }) => message === `state: ${kind}`).map(({ fields }) => fields);
}

describe('a dump of the state', () => {
  it('has a line for each thing that one may want to know', () => {
    const counters = portalCounters({
      activeConnections: 2,
      dialFailures: 3,
      endpoints: new Map([
        ['10.1.0.1:3001', { connections: 2, totalConnections: 5 }],
        ['10.1.0.1:3002', { connections: 0, totalConnections: 1, setAsideMs: 500 }],
        ['10.1.0.9:3000', { connections: 1, totalConnections: 4 }],
      ]),
    });
    const view = aView([aServicePortView()], { errors: ['iptables-restore: exit code 1'] });
    const report = aReport({ view, counters: new Map([['default/whoami:http', counters]]) });
    const lines = stateDump({ report, usage: USAGE, failures: [FAILURE] });
    expect([...new Set(lines.map(({ message }) => message))]).toEqual(
      'process relay steering source sync totals error failure portal endpoint'
        .split(' ')
        .map((kind) => `state: ${kind}`),
    );
    expect(linesOf('process', lines)).toMatchObject([{ ...USAGE, version: report.version }]);
    expect(linesOf('sync', lines)).toMatchObject([{ succeeded: report.sync.succeeded, errors: 1 }]);
    expect(linesOf('totals', lines)).toEqual([
      {
        servicePorts: 1,
        portals: 1,
        endpoints: 2,
        setAside: 1,
        activeConnections: 2,
        udpSessions: 0,
        dialFailures: 3,
      },
    ]);
    expect(linesOf('error', lines)).toContainEqual({ of: 'sync', error: 'iptables-restore: exit code 1' });
    expect(linesOf('failure', lines)).toMatchObject([
      { at: '2026-11-22T12:00:00.000Z', client: '10.0.0.7:40000', endpoint: '10.1.0.1:3001' },
    ]);
    expect(linesOf('portal', lines)).toMatchObject([
      { servicePort: 'default/whoami:http', portal: '0.0.0.0:40123', endpoints: 2, activeConnections: 2 },
    ]);
    expect(linesOf('endpoint', lines)).toMatchObject([
      { endpoint: '10.1.0.1:3001', connections: 2, setAsideUntil: null, draining: false },
      { endpoint: '10.1.0.1:3002', connections: 0, setAsideUntil: '2026-11-22T12:00:00.500Z' },
      { endpoint: '10.1.0.9:3000', connections: 1, draining: true },
    ]);
  });

  it('is bounded: of each kind, beyond a hundred only the number is told', () => {
    const names = Array.from({ length: MOST_LINES + 23 }, (_, n) => `default/s${n}` as const);
    const view = aView(names.map((name) => aServicePortView({ servicePort: aServicePort({ name }) })));
    const lines = stateDump({ report: aReport({ view }), usage: USAGE, failures: [] });
    expect(linesOf('portal', lines)).toHaveLength(MOST_LINES + 1);
    expect(linesOf('portal', lines).at(-1)).toEqual({ more: 23 });
    expect(linesOf('endpoint', lines).at(-1)).toEqual({ more: 2 * names.length - MOST_LINES });
  });

  it('shows the two portals of a service port whose external traffic has its own', () => {
    const external = { endpoints: endpoints(3002), portal: null, error: 'PORT_RANGE_EXHAUSTED: x' };
    const report = aReport({ view: aView([aServicePortView({ external })]) });
    const lines = stateDump({ report, usage: USAGE, failures: [] });
    expect(linesOf('portal', lines).map(({ servicePort, portal }) => [servicePort, portal])).toEqual([
      ['default/whoami:http', '0.0.0.0:40123'],
      ['default/whoami:http (external)', null],
    ]);
    expect(linesOf('error', lines)).toEqual([
      { of: 'default/whoami:http (external)', error: 'PORT_RANGE_EXHAUSTED: x' },
    ]);
  });
});

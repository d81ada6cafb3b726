import { describe, expect, it } from 'vitest';
import { statusTable } from '../../src/status/status-table.js';
import {
  aReport,
  aServicePort,
  aServicePortView,
  aSourceStatus,
  aUdpServicePort,
  aView,
  endpoints,
  NOON,
  portalCounters,
} from '../support/proxy-values.js';

const CARRIED = portalCounters({
  activeConnections: 2,
  totalConnections: 90,
  bytesIn: 729,
  bytesOut: 1536,
  dialFailures: 1,
  endpoints: new Map([['10.1.0.9:3000', { connections: 1, totalConnections: 8 }]]),
});

describe('the status table', () => {
  it('has a line for each service port, and a summary', () => {
    const table = statusTable(
      aReport({
        view: aView([
          aServicePortView(),
          aServicePortView({ servicePort: aUdpServicePort(), endpoints: endpoints(7001) }),
        ]),
        counters: new Map([
          ['default/whoami:http', CARRIED],
          ['default/echo', portalCounters({ udpSessions: 3 })],
        ]),
      }),
    );
    expect(table).toBe(
      [
        'NAME                  PROTO   CLUSTER-IP:PORT    PORTAL          ACTIVE   TOTAL   IN     OUT      DIAL-FAILURES   UDP-SESSIONS   ENDPOINTS',
        'default/echo          UDP     10.10.10.29:7000   0.0.0.0:40123   0        0       0B     0B       0               3              10.1.0.1:7001',
        'default/whoami:http   TCP     10.10.10.28:3000   0.0.0.0:40123   2        90      729B   1.5KiB   1               0              10.1.0.1:3001,10.1.0.1:3002 + 1 draining',
        '',
        '2 service ports, 2 portals, 3 endpoints; last sync 2s ago',
        'manifests /etc/kube-splice/services.yaml, 4 objects',
        'kube-splice 0.1.0, up 2m5s, relay portable (asked for by --relay), steering none (asked for by --steering)',
        '',
      ].join('\n'),
    );
  });

  it('counts the endpoints that are set aside', () => {
    const counters = portalCounters({
      endpoints: new Map([['10.1.0.1:2', { connections: 0, totalConnections: 1, setAsideMs: 900 }]]),
    });
    const view = aView([aServicePortView({ endpoints: endpoints(1, 2) })]);
    const table = statusTable(aReport({ view, counters: new Map([['default/whoami:http', counters]]) }));
    expect(table).toMatch(/10\.1\.0\.1:1,10\.1\.0\.1:2, 1 set aside$/m);
  });

  it('names three endpoints and counts the others', () => {
    const view = aView([aServicePortView({ endpoints: endpoints(1, 2, 3, 4, 5) })]);
    expect(statusTable(aReport({ view }))).toContain('10.1.0.1:1,10.1.0.1:2,10.1.0.1:3 + 2 more\n');
  });

  it('says <none> for what is not there, and below what is wrong', () => {
    const table = statusTable(
      aReport({
        view: aView(
          [
            aServicePortView({
              servicePort: aServicePort({ clusterIPs: [] }),
              endpoints: [],
              portal: null,
              error: 'PORTAL_OPEN_FAILED: EADDRNOTAVAIL',
            }),
          ],
          { errors: ['nft: exit code 1'], pendingSince: NOON - 65_000, lastSynced: null },
        ),
        sources: [aSourceStatus({ location: 'a.yaml', objects: 1, errors: ['a.yaml:3: not a port'] })],
      }),
    );
    const lines = table.split('\n');
    expect(lines[1]).toMatch(/^default\/whoami:http +TCP +<none>:3000 +<none> .* <none>$/);
    expect(lines.slice(2, 8)).toEqual([
      '',
      'default/whoami:http: PORTAL_OPEN_FAILED: EADDRNOTAVAIL',
      'manifests a.yaml: a.yaml:3: not a port',
      'sync: nft: exit code 1',
      '',
      '1 service port, 0 portals, 0 endpoints; not synced yet, a change has waited for 1m5s',
    ]);
  });

  it('has a row of its own for the portal of external traffic, and counts an endpoint of both once', () => {
    const external = { endpoints: endpoints(3002, 3003), portal: null, error: 'PORT_RANGE_EXHAUSTED: x' };
    const view = aView([aServicePortView({ external })]);
    const lines = statusTable(aReport({ view })).split('\n');
    expect(lines[1]).toMatch(/^default\/whoami:http +TCP +10\.10\.10\.28:3000 +0\.0\.0\.0:40123 /);
    expect(lines[2]).toMatch(/^default\/whoami:http \(external\) +TCP +<none> +<none> .* 10\.1\.0\.1:3002,/);
    expect(lines[4]).toBe('default/whoami:http (external): PORT_RANGE_EXHAUSTED: x');
    expect(lines[6]).toMatch(/^1 service port, 1 portal, 3 endpoints; /);
  });

  it('puts IPv6 addresses in brackets', () => {
    const view = aView([
      aServicePortView({
        servicePort: aServicePort({ clusterIPs: ['fd00::1'] }),
        portal: { address: '::', port: 40123 },
      }),
    ]);
    expect(statusTable(aReport({ view }))).toMatch(/ \[fd00::1\]:3000 +\[::\]:40123 /);
  });

  it('says so where there are no service ports', () => {
    expect(statusTable(aReport({ view: aView([]) }))).toMatch(/^No service ports\.\n\n0 service ports, /);
  });

  it('says how each source stands, and which node this is', () => {
    const server = aSourceStatus({ kind: 'apiserver', location: 'https://192.0.2.1:6443', objects: 1 });
    const away = { stale: true, connected: false, connectionChangedAt: NOON - 125_000 };
    const snapshot = { kind: 'snapshot', location: '/var/lib/kube-splice/state', objects: 2 } as const;
    const lines = statusTable(
      aReport({
        sources: [
          { ...server, connected: true, connectionChangedAt: NOON - 5_000, endpointApi: 'EndpointSlice' },
          { ...server, ...away },
          aSourceStatus({ ...snapshot, stale: true, savedAt: NOON - 3_600_000 }),
          aSourceStatus({ ...snapshot, objects: 0 }),
        ],
        node: { name: 'worker-1', zone: 'eu-1a', addresses: ['192.0.2.11', '2001:db8::11'] },
      }),
    ).split('\n');
    expect(lines.slice(4, 9)).toEqual([
      'apiserver https://192.0.2.1:6443, 1 object, endpoints from EndpointSlice, connected for 5s',
      'apiserver https://192.0.2.1:6443, 1 object, not connected for 2m5s, stale',
      'snapshot /var/lib/kube-splice/state, 2 objects, saved 1h ago, stale',
      'snapshot /var/lib/kube-splice/state, 0 objects',
      'node worker-1, zone eu-1a, addresses 192.0.2.11 2001:db8::11',
    ]);
  });

  it.each([
    [null, ''],
    [{ connections: 0, datagrams: 0 }, ''],
    [{ connections: 1, datagrams: 0 }, ', refused at portals: 1 connection, 0 datagrams'],
    [{ connections: 0, datagrams: 12 }, ', refused at portals: 0 connections, 12 datagrams'],
  ])('says what was refused at the portals where somebody tried: of %j it says %j', (refused, said) => {
    const last = statusTable(aReport({ refused })).trimEnd().split('\n').at(-1);
    expect(last?.split('steering none (asked for by --steering)')[1]).toBe(said);
  });

  it('obeys no control character of a name, an error or a reason', () => {
    const report = aReport({
      view: aView([
        aServicePortView({ servicePort: aServicePort({ name: 'a/b\u001b[2J' }), error: 'PORTAL\r\nx' }),
      ]),
      sources: [aSourceStatus({ location: '\u001b]0;x\u0007', errors: ['\u009b'] })],
    });
    expect(
      [...statusTable(report)].filter((character) => /\p{Cc}/u.test(character) && character !== '\n'),
    ).toEqual([]);
  });
});

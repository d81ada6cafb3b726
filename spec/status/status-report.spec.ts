import { describe, expect, it } from 'vitest';
import { endpoint } from '../../src/model/endpoint.js';
import { NO_DIALS } from '../../src/relay/no-traffic.js';
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

describe('the status report', () => {
  it('says what runs, since when, and from where', () => {
    expect(aReport()).toMatchObject({
      version: '0.1.0',
      startedAt: '2026-11-22T11:57:55.000Z',
      currentTime: '2026-11-22T12:00:00.000Z',
      relay: { kind: 'portable', reason: 'asked for by --relay' },
      steering: { kind: 'none', reason: 'asked for by --steering', refused: null },
      sources: [{ kind: 'manifests', location: '/etc/kube-splice/services.yaml', objects: 4, errors: [] }],
    });
  });

  it('says what was refused at the portals, and nothing else that steering may tell', () => {
    const told = { connections: 2, datagrams: 7, since: 'the rules were made' };
    expect(aReport({ refused: told }).steering.refused).toEqual({ connections: 2, datagrams: 7 });
    expect(aReport({ refused: { connections: 0, datagrams: 0 } }).steering.refused).toEqual({
      connections: 0,
      datagrams: 0,
    });
  });

  it('tells the times of a source as text, and the node', () => {
    const node = { name: 'worker-1', zone: 'eu-1a', addresses: ['192.0.2.11'] };
    const server = aSourceStatus({
      kind: 'apiserver',
      connected: false,
      stale: true,
      connectionChangedAt: NOON,
    });
    const snapshot = aSourceStatus({ kind: 'snapshot', savedAt: NOON });
    expect(aReport({ node, sources: [server, snapshot] })).toMatchObject({
      node,
      sources: [
        { ...server, connectionChangedAt: '2026-11-22T12:00:00.000Z' },
        { ...snapshot, savedAt: '2026-11-22T12:00:00.000Z' },
      ],
    });
  });

  it('says how far the syncs have come', () => {
    const view = aView([], {
      pendingSince: NOON - 500,
      failed: 2,
      errors: ['iptables-restore: exit code 1'],
    });
    expect(aReport({ view }).sync).toEqual({
      lastSynced: '2026-11-22T11:59:58.000Z',
      pendingSince: '2026-11-22T11:59:59.500Z',
      succeeded: 3,
      failed: 2,
      errors: ['iptables-restore: exit code 1'],
    });
    expect(aReport({ view: aView([], { lastSynced: null }) }).sync.lastSynced).toBeNull();
  });

  it('shows a service port with its portal, its endpoints and what they carried', () => {
    const carried = portalCounters({
      activeConnections: 1,
      totalConnections: 9,
      bytesIn: 729,
      bytesOut: 1512,
      dialFailures: 2,
      noEndpoints: 3,
      refusedForFiles: 4,
      halfClosedTimeouts: 5,
      waitedForPlace: 6,
      refusedForPlace: 7,
      failures: { 'dial-refused': 2 },
      dialTimes: { counts: [9, ...NO_DIALS.counts.slice(1)], sumMs: 1.5 },
      affinityEntries: 8,
      endpoints: new Map([['10.1.0.1:3001', { connections: 1, totalConnections: 5 }]]),
    });
    const report = aReport({ counters: new Map([['default/whoami:http', carried]]) });
    expect(report.servicePorts).toEqual([
      {
        name: 'default/whoami:http',
        protocol: 'TCP',
        clusterIP: '10.10.10.28',
        port: 3000,
        internalTrafficPolicy: 'Cluster',
        externalTrafficPolicy: 'Cluster',
        portal: { address: '0.0.0.0', port: 40123 },
        error: null,
        sessionAffinity: 'None',
        sessionAffinityTimeoutSeconds: null,
        maxConnections: null,
        endpoints: [
          { address: '10.1.0.1', port: 3001, connections: 1, totalConnections: 5, setAsideUntil: null },
          { address: '10.1.0.1', port: 3002, connections: 0, totalConnections: 0, setAsideUntil: null },
        ],
        drainingEndpoints: [],
        activeConnections: 1,
        totalConnections: 9,
        bytesIn: 729,
        bytesOut: 1512,
        dialFailures: 2,
        noEndpoints: 3,
        refusedForFiles: 4,
        udpSessions: 0,
        totalUdpSessions: 0,
        evictedUdpSessions: 0,
        datagramsIn: 0,
        datagramsOut: 0,
        droppedDatagrams: 0,
        droppedByReason: {},
        halfClosedTimeouts: 5,
        waitedForPlace: 6,
        refusedForPlace: 7,
        failures: { 'dial-refused': 2 },
        dialTimes: { counts: [9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], sumMs: 1.5 },
        affinityEntries: 8,
        external: null,
      },
    ]);
  });

  it('shows what UDP carried', () => {
    const carried = portalCounters({
      udpSessions: 2,
      totalUdpSessions: 7,
      evictedUdpSessions: 1,
      datagramsIn: 90,
      datagramsOut: 80,
      droppedDatagrams: 4,
      droppedByReason: { 'too-long': 1, 'send-queue-full': 3 },
      endpoints: new Map([['10.1.0.1:3001', { connections: 2, totalConnections: 7 }]]),
    });
    const [shown] = aReport({
      view: aView([aServicePortView({ servicePort: aUdpServicePort(), endpoints: endpoints(3001) })]),
      counters: new Map([['default/echo', carried]]),
    }).servicePorts;
    expect(shown).toMatchObject({
      name: 'default/echo',
      protocol: 'UDP',
      endpoints: [{ address: '10.1.0.1', port: 3001, connections: 2, totalConnections: 7 }],
      udpSessions: 2,
      totalUdpSessions: 7,
      evictedUdpSessions: 1,
      datagramsIn: 90,
      datagramsOut: 80,
      droppedDatagrams: 4,
      droppedByReason: { 'too-long': 1, 'send-queue-full': 3 },
    });
  });

  it('sorts by name, whatever the order it is given', () => {
    const names = ['b/one', 'a/two:http', 'B/one', 'a/two'] as const;
    const view = aView(names.map((name) => aServicePortView({ servicePort: aServicePort({ name }) })));
    expect(aReport({ view }).servicePorts.map(({ name }) => name)).toEqual([
      'B/one',
      'a/two',
      'a/two:http',
      'b/one',
    ]);
  });

  it('tells the session affinity and its timeout', () => {
    const servicePort = aServicePort({ sessionAffinity: { type: 'ClientIP', timeoutSeconds: 10_800 } });
    expect(aReport({ view: aView([aServicePortView({ servicePort })]) }).servicePorts[0]).toMatchObject({
      sessionAffinity: 'ClientIP',
      sessionAffinityTimeoutSeconds: 10_800,
    });
  });

  it('has null for the ClusterIP of a Service without one, and the primary one of a dual-stack Service', () => {
    const without = aServicePort({ name: 'default/a', clusterIPs: [] });
    const dual = aServicePort({ name: 'default/b', clusterIPs: ['fd00::1', '10.0.0.1'] });
    const view = aView([aServicePortView({ servicePort: without }), aServicePortView({ servicePort: dual })]);
    expect(aReport({ view }).servicePorts.map(({ clusterIP }) => clusterIP)).toEqual([null, 'fd00::1']);
  });

  it('has null for a portal that is not open, and says why', () => {
    const error = 'PORT_RANGE_EXHAUSTED: no port of 40000-40001 is free';
    const view = aView([
      aServicePortView({ servicePort: aServicePort({ name: 'default/a' }), portal: null, error }),
      aServicePortView({ servicePort: aServicePort({ name: 'default/b' }), portal: null, error: null }),
    ]);
    expect(aReport({ view }).servicePorts).toMatchObject([
      { portal: null, error, totalConnections: 0 },
      { portal: null, error: 'the portal is not open yet', totalConnections: 0 },
    ]);
  });

  it('sets removed endpoints apart, as long as connections to them are open', () => {
    const carried = portalCounters({
      activeConnections: 3,
      endpoints: new Map([
        ['10.1.0.1:3001', { connections: 0, totalConnections: 1 }],
        ['10.1.0.9:3000', { connections: 2, totalConnections: 8 }],
        ['[fd00::9]:3000', { connections: 1, totalConnections: 1 }],
        ['10.1.0.8:3000', { connections: 0, totalConnections: 5 }],
      ]),
    });
    const [shown] = aReport({
      view: aView([aServicePortView({ endpoints: [endpoint('10.1.0.1', 3001)] })]),
      counters: new Map([['default/whoami:http', carried]]),
    }).servicePorts;
    expect(shown?.endpoints).toEqual([
      { address: '10.1.0.1', port: 3001, connections: 0, totalConnections: 1, setAsideUntil: null },
    ]);
    expect(shown?.drainingEndpoints).toEqual([
      { address: '10.1.0.9', port: 3000, connections: 2, totalConnections: 8, setAsideUntil: null },
      { address: 'fd00::9', port: 3000, connections: 1, totalConnections: 1, setAsideUntil: null },
    ]);
  });

  it('leaves out a portal that the relay knows and the proxier does not', () => {
    const counters = new Map([['default/gone', portalCounters({ totalConnections: 4 })]]);
    expect(aReport({ view: aView([]), counters }).servicePorts).toEqual([]);
  });
});

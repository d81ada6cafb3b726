import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { endpoint } from '../../src/model/endpoint.js';
import { NO_DIALS } from '../../src/relay/no-traffic.js';
import type { StatusReport } from '../../src/status/status-report.js';
import {
  aReport,
  aServicePort,
  aServicePortView,
  aSourceStatus,
  aUdpServicePort,
  aView,
  portalCounters,
} from '../support/proxy-values.js';

const DOCS = resolve(import.meta.dirname, '../../docs');
const SCHEMA: object = JSON.parse(readFileSync(resolve(DOCS, 'status.schema.json'), 'utf8'));
const PAGE = readFileSync(resolve(DOCS, 'status.md'), 'utf8');

const RFC_3339_UTC = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const validate = new Ajv2020({
  allErrors: true,
  allowUnionTypes: true,
  formats: { 'date-time': RFC_3339_UTC },
}).compile(SCHEMA);

/** What the schema has against a value, after the trip through JSON that a reader sees. */
function complaints(value: unknown): string[] {
  validate(JSON.parse(JSON.stringify(value)));
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

/** The names of all properties, however deep. */
function propertyNames(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  return Object.entries(schema).flatMap(([keyword, value]) => {
    const isProperties = keyword === 'properties' && typeof value === 'object' && value !== null;
    return [...(isProperties ? Object.keys(value) : []), ...propertyNames(value)];
  });
}

const BUSY = portalCounters({
  totalConnections: 9,
  failures: { 'dial-refused': 2 },
  droppedByReason: { 'too-long': 1 },
  dialTimes: { counts: NO_DIALS.counts, sumMs: 1.25 },
  endpoints: new Map([
    ['10.1.0.1:3001', { connections: 1, totalConnections: 5 }],
    ['10.1.0.7:3001', { connections: 1, totalConnections: 5 }],
  ]),
});

const REPORTS: Readonly<Record<string, StatusReport>> = {
  'TCP, with connections': aReport({ counters: new Map([['default/whoami:http', BUSY]]) }),
  UDP: aReport({
    view: aView([aServicePortView({ servicePort: aUdpServicePort() })]),
    counters: new Map([['default/echo', portalCounters({ udpSessions: 3, totalUdpSessions: 3 })]]),
  }),
  'IPv6 and session affinity': aReport({
    view: aView([
      aServicePortView({
        servicePort: aServicePort({
          clusterIPs: ['fd00::1'],
          sessionAffinity: { type: 'ClientIP', timeoutSeconds: 1 },
        }),
        endpoints: [endpoint('fd00::2', 80)],
        portal: { address: '::', port: 40123 },
      }),
    ]),
  }),
  'without portal, ClusterIP or endpoints': aReport({
    view: aView([
      aServicePortView({
        servicePort: aServicePort({ clusterIPs: [] }),
        endpoints: [],
        portal: null,
        error: 'PORTAL_OPEN_FAILED: EADDRNOTAVAIL',
      }),
    ]),
  }),
  'before the first sync': aReport({
    view: aView([aServicePortView({ portal: null, error: null })], { lastSynced: null, pendingSince: 0 }),
  }),
  'with errors': aReport({
    view: aView([], { failed: 1, errors: ['x'] }),
    sources: [aSourceStatus({ location: 'a.yaml', errors: ['a.yaml:3: spec.ports: …'] })],
  }),
  'with a portal for external traffic': aReport({
    view: aView([
      aServicePortView({
        servicePort: aServicePort({ externalTrafficPolicy: 'Local' }),
        external: { endpoints: [], portal: null, error: null },
      }),
    ]),
  }),
  'from an API server that is away, with a snapshot': aReport({
    sources: [
      aSourceStatus({
        kind: 'apiserver',
        location: 'https://192.0.2.1:6443',
        stale: true,
        connected: false,
        connectionChangedAt: 0,
        endpointApi: 'Endpoints',
      }),
      aSourceStatus({ kind: 'snapshot', location: '/var/lib/kube-splice/state', stale: true, savedAt: 0 }),
    ],
    node: { name: 'worker-1', zone: null, addresses: [] },
  }),
  'with packet rules that refused something': aReport({ refused: { connections: 2, datagrams: 0 } }),
  empty: aReport({ view: aView([]), sources: [] }),
};

describe('the schema of /v1/status', () => {
  it.each(Object.entries(REPORTS))('takes a real report: %s', (_, report) => {
    expect(complaints(report)).toEqual([]);
  });

  const report = aReport();
  const [servicePort] = report.servicePorts;
  const withServicePort = (changes: object) => ({
    ...report,
    servicePorts: [{ ...servicePort, ...changes }],
  });

  const withSource = (changes: object) => ({ ...report, sources: [{ ...report.sources[0], ...changes }] });

  const withRefused = (refused: unknown) => ({ ...report, steering: { ...report.steering, refused } });

  it.each([
    ['an undocumented field', { ...report, extra: 1 }],
    ['an undocumented field of a service port', withServicePort({ extra: 1 })],
    [
      'an undocumented field of an endpoint',
      withServicePort({ endpoints: [{ ...servicePort?.endpoints[0], extra: 1 }] }),
    ],
    ['a field that is missing', { ...report, sync: undefined }],
    ['a count that is missing', withServicePort({ bytesIn: undefined })],
    ['a negative count', withServicePort({ totalConnections: -1 })],
    ['a fraction of a connection', withServicePort({ activeConnections: 0.5 })],
    ['a port number as text', withServicePort({ port: '3000' })],
    ['port 0', withServicePort({ portal: { address: '0.0.0.0', port: 0 } })],
    ['a name without a namespace', withServicePort({ name: 'whoami' })],
    ['SCTP', withServicePort({ protocol: 'SCTP' })],
    ['no portal and no error', withServicePort({ portal: null, error: null })],
    ['an unknown traffic policy', withServicePort({ externalTrafficPolicy: 'Zone' })],
    ['half a portal for external traffic', withServicePort({ external: { portal: null, error: 'x' } })],
    ['a time that is none', { ...report, startedAt: 'yesterday' }],
    ['a source that does not say whether it is stale', withSource({ stale: null })],
    ['an unknown endpoint API', withSource({ endpointApi: 'Pods' })],
    ['a source saved at no time', withSource({ savedAt: 1 })],
    ['a node without a name', { ...report, node: { zone: null, addresses: [] } }],
    ['steering that does not say what it refused', withRefused(undefined)],
    ['half of what was refused', withRefused({ connections: 1 })],
    ['less than nothing refused', withRefused({ connections: -1, datagrams: 0 })],
    ['half a datagram refused', withRefused({ connections: 1, datagrams: 0.5 })],
    ['an undocumented field of what was refused', withRefused({ connections: 1, datagrams: 0, bytes: 1 })],
    ['an unknown relay', { ...report, relay: { kind: 'magic', reason: '' } }],
  ])('refuses %s', (_, mutated) => {
    expect(complaints(mutated)).not.toEqual([]);
  });

  it('describes no property that docs/status.md does not mention', () => {
    const names = new Set(propertyNames(SCHEMA));
    expect(names).toContain('drainingEndpoints');
    expect([...names].filter((name) => !PAGE.includes(`\`${name}\``))).toEqual([]);
  });

  it('takes the example of docs/status.md', () => {
    const examples = [...PAGE.matchAll(/```json\n(.*?)```/gs)].map(([, text = '']) => text);
    const report = examples.find((text) => text.includes('servicePorts'));
    expect(complaints(JSON.parse(report ?? ''))).toEqual([]);
  });
});

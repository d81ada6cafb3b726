import type { RefusedTraffic } from '../steering/steering.js';
import type { EndpointStatus, PortalStatus, ServicePortStatus } from './service-port-status.js';
import type { NodeStatus, SourceReport, StatusReport, SyncStatus } from './status-report.js';

type Guard<T> = (value: unknown) => value is T;
type Guards<T> = { readonly [Name in keyof T]-?: Guard<T[Name]> };

/**
 * Whether a value that came from elsewhere is a status report: every field of this version is there, with its type.
 * Fields it does not know are let through, for a newer kube-splice may have added them.
 */
export function isStatusReport(value: unknown): value is StatusReport {
  return REPORT(value);
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number';
}

function isBoolean(value: unknown): value is boolean {
  return typeof value === 'boolean';
}

function nullOr<T>(guard: Guard<T>): Guard<T | null> {
  return (value): value is T | null => value === null || guard(value);
}

function oneOf<const T extends string>(...words: readonly T[]): Guard<T> {
  const known: ReadonlySet<unknown> = new Set(words);
  return (value): value is T => known.has(value);
}

function listOf<T>(guard: Guard<T>): Guard<readonly T[]> {
  return (value): value is readonly T[] => Array.isArray(value) && value.every(guard);
}

/** The compiler holds the fields to those of `T`: one that is forgotten here does not compile. */
function objectOf<T extends object>(fields: Guards<T>): Guard<T> {
  const guards: readonly [string, (value: unknown) => boolean][] = Object.entries(fields);
  return (value): value is T => {
    if (typeof value !== 'object' || value === null) return false;
    const found = new Map<string, unknown>(Object.entries(value));
    return guards.every(([name, guard]) => guard(found.get(name)));
  };
}

const ENDPOINTS = listOf(
  objectOf<EndpointStatus>({
    address: isString,
    port: isNumber,
    connections: isNumber,
    totalConnections: isNumber,
    setAsideUntil: nullOr(isString),
  }),
);

const PORTAL: Guards<PortalStatus> = {
  portal: nullOr(objectOf<NonNullable<PortalStatus['portal']>>({ address: isString, port: isNumber })),
  error: nullOr(isString),
  endpoints: ENDPOINTS,
  drainingEndpoints: ENDPOINTS,
  activeConnections: isNumber,
  totalConnections: isNumber,
  bytesIn: isNumber,
  bytesOut: isNumber,
  dialFailures: isNumber,
  noEndpoints: isNumber,
  refusedForFiles: isNumber,
  udpSessions: isNumber,
  totalUdpSessions: isNumber,
  evictedUdpSessions: isNumber,
  droppedDatagrams: isNumber,
  halfClosedTimeouts: isNumber,
  waitedForPlace: isNumber,
  refusedForPlace: isNumber,
};

const SERVICE_PORT = objectOf<ServicePortStatus>({
  ...PORTAL,
  name: isString,
  protocol: oneOf('TCP', 'UDP'),
  clusterIP: nullOr(isString),
  port: isNumber,
  internalTrafficPolicy: oneOf('Cluster', 'Local'),
  externalTrafficPolicy: oneOf('Cluster', 'Local'),
  sessionAffinity: oneOf('None', 'ClientIP'),
  sessionAffinityTimeoutSeconds: nullOr(isNumber),
  maxConnections: nullOr(isNumber),
  external: nullOr(objectOf<PortalStatus>(PORTAL)),
});

const REPORT = objectOf<StatusReport>({
  version: isString,
  startedAt: isString,
  currentTime: isString,
  relay: objectOf<StatusReport['relay']>({ kind: oneOf('portable', 'native'), reason: isString }),
  steering: objectOf<StatusReport['steering']>({
    kind: oneOf('iptables', 'nftables', 'none'),
    reason: isString,
    refused: nullOr(objectOf<RefusedTraffic>({ connections: isNumber, datagrams: isNumber })),
  }),
  node: nullOr(objectOf<NodeStatus>({ name: isString, zone: nullOr(isString), addresses: listOf(isString) })),
  sources: listOf(
    objectOf<SourceReport>({
      kind: oneOf('manifests', 'apiserver', 'snapshot'),
      location: isString,
      objects: isNumber,
      stale: isBoolean,
      connected: nullOr(isBoolean),
      connectionChangedAt: nullOr(isString),
      endpointApi: nullOr(oneOf('EndpointSlice', 'Endpoints')),
      savedAt: nullOr(isString),
      errors: listOf(isString),
    }),
  ),
  sync: objectOf<SyncStatus>({
    lastSynced: nullOr(isString),
    pendingSince: nullOr(isString),
    succeeded: isNumber,
    failed: isNumber,
    errors: listOf(isString),
  }),
  servicePorts: listOf(SERVICE_PORT),
});

import type { RefusedTraffic } from '../steering/steering.js';
import type { EndpointStatus, PortalStatus, ServicePortStatus } from './service-port-status.js';
import type { NodeStatus, SourceReport, StatusReport, SyncStatus } from './status-report.js';
import {
  type Guards,
  isBoolean,
  isNumber,
  isString,
  listOf,
  nullOr,
  objectOf,
  oneOf,
} from './value-guards.js';

/**
 * Whether a value that came from elsewhere is a status report: every field of this version is there, with its type.
 * Fields it does not know are let through, for a newer kube-splice may have added them.
 */
export function isStatusReport(value: unknown): value is StatusReport {
  return REPORT(value);
}

/** Of whatever reasons: a newer kube-splice may know more of them. */
function isByReason(value: unknown): value is Readonly<Record<string, number>> {
  return typeof value === 'object' && value !== null && Object.values(value).every(isNumber);
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
  datagramsIn: isNumber,
  datagramsOut: isNumber,
  droppedDatagrams: isNumber,
  droppedByReason: isByReason,
  halfClosedTimeouts: isNumber,
  waitedForPlace: isNumber,
  refusedForPlace: isNumber,
  failures: isByReason,
  dialTimes: objectOf<PortalStatus['dialTimes']>({ counts: listOf(isNumber), sumMs: isNumber }),
  affinityEntries: isNumber,
};

/** Whether it is one of the `servicePorts` of a report. */
export const isServicePortStatus = objectOf<ServicePortStatus>({
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
  servicePorts: listOf(isServicePortStatus),
});

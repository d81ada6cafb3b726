import type { Endpoint } from '../model/endpoint.js';
import type { Protocol } from '../model/service-port.js';
import type { ProxyView, ServicePortView, SyncProgress } from '../proxier/proxy-view.js';
import type { EndpointCounters, PortalCounters, RelayEngine } from '../relay/engine.js';
import type { SourceStatus } from '../sources/source.js';
import type { Steering } from '../steering/steering.js';

/**
 * The value of `GET /v1/status`: an interface that other programs read. `docs/status.md` says what every field means,
 * and `docs/status.schema.json` describes it; within v1 fields are added, never renamed, removed or given another
 * meaning. Times are RFC 3339 in UTC.
 */
export interface StatusReport {
  readonly version: string;
  readonly startedAt: string;
  readonly currentTime: string;
  readonly relay: Choice<RelayEngine['kind']>;
  readonly steering: Choice<Steering['kind']>;
  /** The node this runs on, as its cluster knows it; null where no API server is asked, or it has not told yet. */
  readonly node: NodeStatus | null;
  readonly sources: readonly SourceReport[];
  readonly sync: SyncStatus;
  /** Sorted by name. */
  readonly servicePorts: readonly ServicePortStatus[];
}

/** Which of several ways is in use, and why that one. */
export interface Choice<Kind extends string> {
  readonly kind: Kind;
  readonly reason: string;
}

/** A node's name, its zone (`topology.kubernetes.io/zone`) and its addresses. */
export interface NodeStatus {
  readonly name: string;
  readonly zone: string | null;
  readonly addresses: readonly string[];
}

/** A `SourceStatus` whose times are text. */
export interface SourceReport extends Omit<SourceStatus, 'connectionChangedAt' | 'savedAt'> {
  readonly connectionChangedAt: string | null;
  readonly savedAt: string | null;
}

export interface SyncStatus {
  readonly lastSynced: string | null;
  readonly pendingSince: string | null;
  readonly succeeded: number;
  readonly failed: number;
  readonly errors: readonly string[];
}

export interface ServicePortStatus extends PortalCounts {
  readonly name: string;
  readonly protocol: Protocol;
  readonly clusterIP: string | null;
  readonly port: number;
  readonly portal: { readonly address: string; readonly port: number } | null;
  readonly error: string | null;
  readonly sessionAffinity: 'None' | 'ClientIP';
  readonly sessionAffinityTimeoutSeconds: number | null;
  readonly endpoints: readonly EndpointStatus[];
  /** No longer endpoints of the service port, yet still used by open connections. */
  readonly drainingEndpoints: readonly EndpointStatus[];
}

export interface EndpointStatus {
  readonly address: string;
  readonly port: number;
  readonly connections: number;
  readonly totalConnections: number;
}

type PortalCounts = Omit<PortalCounters, 'endpoints'>;

/** What does not change while the process runs. `startedAt` is in milliseconds since the epoch. */
export interface StatusFacts {
  readonly version: string;
  readonly startedAt: number;
  readonly relay: Choice<RelayEngine['kind']>;
  readonly steering: Choice<Steering['kind']>;
}

export interface StatusInput {
  readonly facts: StatusFacts;
  readonly view: ProxyView;
  /** What `RelayEngine.counters()` told. */
  readonly counters: ReadonlyMap<string, PortalCounters>;
  readonly sources: readonly SourceStatus[];
  readonly node: NodeStatus | null;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

const NOTHING_CARRIED: PortalCounters = {
  activeConnections: 0,
  totalConnections: 0,
  bytesIn: 0,
  bytesOut: 0,
  dialFailures: 0,
  noEndpoints: 0,
  refusedForFiles: 0,
  udpSessions: 0,
  totalUdpSessions: 0,
  evictedUdpSessions: 0,
  droppedDatagrams: 0,
  endpoints: new Map(),
};

const NO_CONNECTIONS: EndpointCounters = { connections: 0, totalConnections: 0 };

/** Puts together what proxier, relay and sources tell of themselves. */
export function buildStatusReport({ facts, view, counters, sources, node, now }: StatusInput): StatusReport {
  const servicePorts = view
    .servicePorts()
    .map((shown) => servicePortStatus(shown, counters.get(shown.servicePort.name) ?? NOTHING_CARRIED));
  return {
    version: facts.version,
    startedAt: rfc3339(facts.startedAt),
    currentTime: rfc3339(now),
    relay: { kind: facts.relay.kind, reason: facts.relay.reason },
    steering: { kind: facts.steering.kind, reason: facts.steering.reason },
    node: node === null ? null : { name: node.name, zone: node.zone, addresses: node.addresses },
    sources: sources.map(sourceReport),
    sync: syncStatus(view.syncProgress()),
    servicePorts: servicePorts.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)),
  };
}

/** Field by field, as everywhere here: the report has documented fields only. */
function sourceReport(source: SourceStatus): SourceReport {
  return {
    kind: source.kind,
    location: source.location,
    objects: source.objects,
    stale: source.stale,
    connected: source.connected,
    connectionChangedAt: rfc3339OrNull(source.connectionChangedAt),
    endpointApi: source.endpointApi,
    savedAt: rfc3339OrNull(source.savedAt),
    errors: source.errors,
  };
}

function syncStatus(progress: SyncProgress): SyncStatus {
  return {
    lastSynced: rfc3339OrNull(progress.lastSynced),
    pendingSince: rfc3339OrNull(progress.pendingSince),
    succeeded: progress.succeeded,
    failed: progress.failed,
    errors: progress.errors,
  };
}

function servicePortStatus(shown: ServicePortView, carried: PortalCounters): ServicePortStatus {
  const { servicePort, portal, error } = shown;
  const { sessionAffinity } = servicePort;
  return {
    name: servicePort.name,
    protocol: servicePort.protocol,
    clusterIP: servicePort.clusterIPs[0] ?? null,
    port: servicePort.port,
    portal: portal === null ? null : { address: portal.address, port: portal.port },
    // A reader may rely on it: where there is no portal, something says why.
    error: error ?? (portal === null ? 'the portal is not open yet' : null),
    sessionAffinity: sessionAffinity.type,
    sessionAffinityTimeoutSeconds:
      sessionAffinity.type === 'ClientIP' ? sessionAffinity.timeoutSeconds : null,
    endpoints: shown.endpoints.map(({ key, address, port }) => ({
      address,
      port,
      ...endpointCounts(carried.endpoints.get(key) ?? NO_CONNECTIONS),
    })),
    drainingEndpoints: drainingEndpoints(shown.endpoints, carried),
    activeConnections: carried.activeConnections,
    totalConnections: carried.totalConnections,
    bytesIn: carried.bytesIn,
    bytesOut: carried.bytesOut,
    dialFailures: carried.dialFailures,
    noEndpoints: carried.noEndpoints,
    refusedForFiles: carried.refusedForFiles,
    udpSessions: carried.udpSessions,
    totalUdpSessions: carried.totalUdpSessions,
    evictedUdpSessions: carried.evictedUdpSessions,
    droppedDatagrams: carried.droppedDatagrams,
  };
}

function drainingEndpoints(current: readonly Endpoint[], carried: PortalCounters): EndpointStatus[] {
  const serving = new Set(current.map(({ key }) => key));
  return [...carried.endpoints]
    .filter(([key, { connections }]) => !serving.has(key) && connections > 0)
    .map(([key, counters]) => ({ ...addressAndPort(key), ...endpointCounts(counters) }));
}

/** Leaves out what an engine may know beyond the contract: the report has documented fields only. */
function endpointCounts({ connections, totalConnections }: EndpointCounters): EndpointCounters {
  return { connections, totalConnections };
}

/** The reverse of `hostPort`: the port is what follows the last colon, and brackets are not part of an address. */
function addressAndPort(key: string): { address: string; port: number } {
  const colon = key.lastIndexOf(':');
  return { address: key.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(key.slice(colon + 1)) };
}

function rfc3339(millisecondsSinceEpoch: number): string {
  return new Date(millisecondsSinceEpoch).toISOString();
}

function rfc3339OrNull(millisecondsSinceEpoch: number | null): string | null {
  return millisecondsSinceEpoch === null ? null : rfc3339(millisecondsSinceEpoch);
}

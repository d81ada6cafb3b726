import type { ProxyView, SyncProgress } from '../proxier/proxy-view.js';
import type { PortalCounters, RelayEngine } from '../relay/engine.js';
import type { SourceStatus } from '../sources/source.js';
import type { RefusedTraffic, Steering } from '../steering/steering.js';
import { type ServicePortStatus, servicePortStatus } from './service-port-status.js';

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
  readonly steering: SteeringStatus;
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

/** What was sent straight to a portal from off the node is in `refused`; null where nothing is refused or counted. */
export interface SteeringStatus extends Choice<Steering['kind']> {
  readonly refused: RefusedTraffic | null;
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
  /** What `Steering.refused()` told. */
  readonly refused: RefusedTraffic | null;
  readonly sources: readonly SourceStatus[];
  readonly node: NodeStatus | null;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Puts together what proxier, relay and sources tell of themselves. */
export function buildStatusReport(input: StatusInput): StatusReport {
  const { facts, view, counters, refused, sources, node, now } = input;
  const servicePorts = view.servicePorts().map((shown) => servicePortStatus(shown, counters, now));
  return {
    version: facts.version,
    startedAt: rfc3339(facts.startedAt),
    currentTime: rfc3339(now),
    relay: { kind: facts.relay.kind, reason: facts.relay.reason },
    steering: {
      kind: facts.steering.kind,
      reason: facts.steering.reason,
      refused: refused === null ? null : { connections: refused.connections, datagrams: refused.datagrams },
    },
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

function rfc3339(millisecondsSinceEpoch: number): string {
  return new Date(millisecondsSinceEpoch).toISOString();
}

function rfc3339OrNull(millisecondsSinceEpoch: number | null): string | null {
  return millisecondsSinceEpoch === null ? null : rfc3339(millisecondsSinceEpoch);
}

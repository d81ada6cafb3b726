import type { Endpoint } from '../model/endpoint.js';
import type { ServicePort, ServicePortName } from '../model/service-port.js';
import type { PortalAddress } from '../relay/engine.js';
import type { Redirect } from '../steering/steering.js';

/** What the proxier shows of itself to whoever reports on it. */
export interface ProxyView {
  /** Every service port that is to be proxied, sorted by name. */
  servicePorts(): readonly ServicePortView[];
  /** What is steered to the portals of a service port, as the last sync left it; empty where nothing is. */
  redirects(name: ServicePortName): readonly Redirect[];
  syncProgress(): SyncProgress;
}

/** A type, not an interface: it is written to the log as it is. */
export type PortalCounts = {
  readonly servicePorts: number;
  /** Those that are open, of external traffic too. */
  readonly portals: number;
  readonly services: number;
  /** Of all service ports: one that serves two of them counts twice. */
  readonly endpoints: number;
};

export interface ServicePortView extends PortalView {
  readonly servicePort: ServicePort;
  /** The portal of its own that external traffic has where it follows another policy; null where it has none. */
  readonly external: PortalView | null;
}

/** A portal that a service port is to have. */
export interface PortalView {
  readonly endpoints: readonly Endpoint[];
  /** Null where the portal is not open: `error` says why. */
  readonly portal: PortalAddress | null;
  /** One line, its code first; null where there is nothing to say. */
  readonly error: string | null;
}

/** How far the syncs have come. Times are milliseconds since the epoch; null: not yet. */
export interface SyncProgress {
  /** When the change that waits longest for a sync arrived; null where none waits. */
  readonly pendingSince: number | null;
  /** How long it has waited, ms; null where none waits. The host's clock has no part in it. */
  readonly pendingForMs: number | null;
  /** When the last sync ended well. */
  readonly lastSynced: number | null;
  /** Syncs that have begun: one more than have ended while one is under way. */
  readonly begun: number;
  /** Syncs that ended well, and that failed. */
  readonly succeeded: number;
  readonly failed: number;
  /** What the last sync could not do; empty after one that did all. */
  readonly errors: readonly string[];
  /** When a sync was asked for last, for a change or because it was time. */
  readonly lastQueued: number | null;
  readonly changes: ChangeCounts;
  /** Rules of iptables that stand, by table; empty where there are none. */
  readonly ruleCounts: ReadonlyMap<string, number>;
}

/** Changes from one state to the next, in service ports: one that changes twice counts twice. */
export interface ChangeCounts {
  readonly services: number;
  readonly endpoints: number;
  /** Those that no sync has brought about yet. */
  readonly pendingServices: number;
  readonly pendingEndpoints: number;
}

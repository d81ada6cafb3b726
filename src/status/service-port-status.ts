import type { Endpoint } from '../model/endpoint.js';
import type { Protocol, TrafficPolicy } from '../model/service-port.js';
import type { PortalView, ServicePortView } from '../proxier/proxy-view.js';
import { portalName, relayName, type Traffic } from '../proxier/wanted-portals.js';
import type { EndpointCounters, PortalCounters } from '../relay/engine.js';
import { NO_TRAFFIC } from '../relay/no-traffic.js';

/** One of `servicePorts` of `/v1/status`; the fields of a portal are those of the one that ClusterIP traffic goes to. */
export interface ServicePortStatus extends PortalStatus {
  readonly name: string;
  readonly protocol: Protocol;
  readonly clusterIP: string | null;
  readonly port: number;
  readonly internalTrafficPolicy: TrafficPolicy;
  readonly externalTrafficPolicy: TrafficPolicy;
  readonly sessionAffinity: 'None' | 'ClientIP';
  readonly sessionAffinityTimeoutSeconds: number | null;
  /** How many TCP connections each of its portals may have open at once; null where the Service sets no limit. */
  readonly maxConnections: number | null;
  /** The portal of its own that external traffic has; null where it shares the other one. */
  readonly external: PortalStatus | null;
}

/** A portal, its endpoints and what it has carried since it opened. */
export interface PortalStatus extends PortalCounts {
  readonly portal: { readonly address: string; readonly port: number } | null;
  readonly error: string | null;
  readonly endpoints: readonly EndpointStatus[];
  /** No longer endpoints of the service port, yet still used by open connections. */
  readonly drainingEndpoints: readonly EndpointStatus[];
}

export interface EndpointStatus {
  readonly address: string;
  readonly port: number;
  readonly connections: number;
  readonly totalConnections: number;
  /** RFC 3339; null where new connections go there as they do to the others. */
  readonly setAsideUntil: string | null;
}

type PortalCounts = Omit<PortalCounters, 'endpoints'>;

const NO_CONNECTIONS: EndpointCounters = { connections: 0, totalConnections: 0 };

/**
 * A service port with its portals.
 *
 * @param counters what `RelayEngine.counters()` told.
 * @param now when it told it, ms since the epoch.
 */
export function servicePortStatus(
  shown: ServicePortView,
  counters: ReadonlyMap<string, PortalCounters>,
  now: number,
): ServicePortStatus {
  const { servicePort, external } = shown;
  const { name, sessionAffinity } = servicePort;
  const carriedBy = (traffic: Traffic, { portal }: PortalView) =>
    portal === null ? undefined : counters.get(relayName(portalName(name, traffic), portal.address));
  return {
    name,
    protocol: servicePort.protocol,
    clusterIP: servicePort.clusterIPs[0] ?? null,
    port: servicePort.port,
    internalTrafficPolicy: servicePort.internalTrafficPolicy,
    externalTrafficPolicy: servicePort.externalTrafficPolicy,
    sessionAffinity: sessionAffinity.type,
    sessionAffinityTimeoutSeconds:
      sessionAffinity.type === 'ClientIP' ? sessionAffinity.timeoutSeconds : null,
    maxConnections: servicePort.maxConnections ?? null,
    ...portalStatus(shown, now, carriedBy('internal', shown)),
    external: external === null ? null : portalStatus(external, now, carriedBy('external', external)),
  };
}

/** Field by field: an engine may know more than the contract says, and the report has documented fields only. */
function portalStatus(
  { portal, error, endpoints }: PortalView,
  now: number,
  carried: PortalCounters = NO_TRAFFIC,
): PortalStatus {
  return {
    portal: portal === null ? null : { address: portal.address, port: portal.port },
    // A reader may rely on it: where there is no portal, something says why.
    error: error ?? (portal === null ? 'the portal is not open yet' : null),
    endpoints: endpoints.map(({ key, address, port }) => {
      const { connections, totalConnections, setAsideMs } = carried.endpoints.get(key) ?? NO_CONNECTIONS;
      const setAsideUntil = setAsideMs === undefined ? null : new Date(now + setAsideMs).toISOString();
      return { address, port, connections, totalConnections, setAsideUntil };
    }),
    drainingEndpoints: drainingEndpoints(endpoints, carried),
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
    datagramsIn: carried.datagramsIn,
    datagramsOut: carried.datagramsOut,
    droppedDatagrams: carried.droppedDatagrams,
    droppedByReason: carried.droppedByReason,
    halfClosedTimeouts: carried.halfClosedTimeouts,
    waitedForPlace: carried.waitedForPlace,
    refusedForPlace: carried.refusedForPlace,
    failures: carried.failures,
    dialTimes: { counts: carried.dialTimes.counts, sumMs: carried.dialTimes.sumMs },
    affinityEntries: carried.affinityEntries,
  };
}

function drainingEndpoints(current: readonly Endpoint[], carried: PortalCounters): EndpointStatus[] {
  const used = [...carried.endpoints].filter(([, { connections }]) => connections > 0);
  // Most are idle at any time, and a report may have 100,000 endpoints.
  if (used.length === 0) return [];
  const serving = new Set(current.map(({ key }) => key));
  return used
    .filter(([key]) => !serving.has(key))
    .map(([key, { connections, totalConnections }]) => ({
      ...addressAndPort(key),
      connections,
      totalConnections,
      setAsideUntil: null,
    }));
}

/** The reverse of `hostPort`: the port is what follows the last colon, and brackets are not part of an address. */
function addressAndPort(key: string): { address: string; port: number } {
  const colon = key.lastIndexOf(':');
  return { address: key.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(key.slice(colon + 1)) };
}

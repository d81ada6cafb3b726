import type { Protocol } from '../../model/service-port.js';
import { DIAL_TIME_BOUNDS_MS } from '../../relay/engine.js';
import { NO_DIALS } from '../../relay/no-traffic.js';
import type { PortalStatus, ServicePortStatus } from '../service-port-status.js';

/** A metric that has a series for each service port. */
export type ServicePortFigure = ServicePortCount | ServicePortHistogram;

interface OfServicePorts {
  readonly name: string;
  readonly help: string;
  /** Whose service ports have it; all where left out. */
  readonly protocol?: Protocol;
}

export interface ServicePortCount extends OfServicePorts {
  readonly type: 'counter' | 'gauge';
  /** A label beside those of the service port. */
  readonly label?: string;
  /** For each value of `label` the figure: of all portals of the service port together. Null for no series. */
  readonly of: (servicePort: ServicePortStatus) => Readonly<Record<string, number | null>>;
}

export interface ServicePortHistogram extends OfServicePorts {
  readonly type: 'histogram';
  /** Upper bounds of the buckets. */
  readonly bounds: readonly number[];
  /** How many were within each bound and above the one before, and above the last; and their sum. Null for no series. */
  readonly of: (servicePort: ServicePortStatus) => HistogramCounts | null;
}

export interface HistogramCounts {
  readonly counts: readonly number[];
  readonly sum: number;
}

/** What stands for the value of a label where there is none. */
const ONLY = '';

/** In the order of docs/metrics.md. Bytes and seconds, as Prometheus has it; counters begin anew when a portal is opened anew. */
export const SERVICE_PORT_FIGURES: readonly ServicePortFigure[] = [
  {
    name: 'kubesplice_portal_open',
    type: 'gauge',
    help: 'Whether every portal of the service port listens: 1, or 0 where the status says why not',
    of: (servicePort) => only(portalsOf(servicePort).every(({ portal }) => portal !== null) ? 1 : 0),
  },
  {
    name: 'kubesplice_endpoints',
    type: 'gauge',
    help: 'Endpoints that new connections may go to, those that are set aside included',
    of: sum(({ endpoints }) => endpoints.length),
  },
  {
    name: 'kubesplice_endpoints_set_aside',
    type: 'gauge',
    help: 'Endpoints that kept failing, and get no new connection for a while',
    of: sum(({ endpoints }) => endpoints.filter(({ setAsideUntil }) => setAsideUntil !== null).length),
  },
  {
    name: 'kubesplice_connections_active',
    protocol: 'TCP',
    type: 'gauge',
    help: 'TCP connections that are open, those whose endpoint is still being dialled included',
    of: sum(({ activeConnections }) => activeConnections),
  },
  {
    name: 'kubesplice_connections_limit',
    protocol: 'TCP',
    type: 'gauge',
    help: 'TCP connections that each portal of the service port may have open at once, where there is a limit',
    of: ({ maxConnections }) => ({ [ONLY]: maxConnections }),
  },
  {
    name: 'kubesplice_connections_total',
    protocol: 'TCP',
    type: 'counter',
    help: 'TCP connections accepted',
    of: sum(({ totalConnections }) => totalConnections),
  },
  {
    name: 'kubesplice_connection_waits_total',
    protocol: 'TCP',
    type: 'counter',
    help: 'How often clients found as many connections open as may be, and waited',
    of: sum(({ waitedForPlace }) => waitedForPlace),
  },
  {
    name: 'kubesplice_bytes_total',
    type: 'counter',
    help: 'Payload bytes that were moved: in, from clients to endpoints, and out',
    label: 'direction',
    of: (servicePort) => ({
      in: total(servicePort, ({ bytesIn }) => bytesIn),
      out: total(servicePort, ({ bytesOut }) => bytesOut),
    }),
  },
  {
    name: 'kubesplice_dial_failures_total',
    type: 'counter',
    help: 'Tries to reach an endpoint that failed: refused, timed out, unreachable',
    of: sum(({ dialFailures }) => dialFailures),
  },
  {
    name: 'kubesplice_failures_total',
    type: 'counter',
    help: 'What failed, tries that another endpoint made good included, by the reason that the log has',
    label: 'reason',
    of: (servicePort) => byReason(servicePort, ({ failures }) => failures),
  },
  {
    name: 'kubesplice_dial_duration_seconds',
    protocol: 'TCP',
    type: 'histogram',
    help: 'How long the tries took that reached an endpoint, where there have been any',
    bounds: DIAL_TIME_BOUNDS_MS.map((ms) => ms / 1_000),
    of: dialTimes,
  },
  {
    name: 'kubesplice_affinity_entries',
    type: 'gauge',
    help: 'Clients that are bound to an endpoint by session affinity',
    of: sum(({ affinityEntries }) => affinityEntries),
  },
  {
    name: 'kubesplice_refused_total',
    type: 'counter',
    help: 'TCP connections reset, or datagrams dropped, at the portal: for want of endpoints, of file descriptors, or of a place under a limit of connections',
    label: 'reason',
    of: (servicePort) => {
      const noEndpoints = total(servicePort, ({ noEndpoints }) => noEndpoints);
      if (servicePort.protocol === 'UDP') return { 'no-endpoints': noEndpoints };
      return {
        'no-endpoints': noEndpoints,
        'out-of-files': total(servicePort, ({ refusedForFiles }) => refusedForFiles),
        'too-many-connections': total(servicePort, ({ refusedForPlace }) => refusedForPlace),
      };
    },
  },
  {
    name: 'kubesplice_half_closed_timeouts_total',
    protocol: 'TCP',
    type: 'counter',
    help: 'TCP connections reset because one side had finished and nothing moved any more',
    of: sum(({ halfClosedTimeouts }) => halfClosedTimeouts),
  },
  {
    name: 'kubesplice_udp_sessions_active',
    protocol: 'UDP',
    type: 'gauge',
    help: 'UDP sessions that are open',
    of: sum(({ udpSessions }) => udpSessions),
  },
  {
    name: 'kubesplice_udp_sessions_total',
    protocol: 'UDP',
    type: 'counter',
    help: 'UDP sessions begun',
    of: sum(({ totalUdpSessions }) => totalUdpSessions),
  },
  {
    name: 'kubesplice_udp_sessions_evicted_total',
    protocol: 'UDP',
    type: 'counter',
    help: 'UDP sessions ended early because the session table was full',
    of: sum(({ evictedUdpSessions }) => evictedUdpSessions),
  },
  {
    name: 'kubesplice_datagrams_total',
    protocol: 'UDP',
    type: 'counter',
    help: 'Datagrams that were moved: in, from clients to endpoints, and out',
    label: 'direction',
    of: (servicePort) => ({
      in: total(servicePort, ({ datagramsIn }) => datagramsIn),
      out: total(servicePort, ({ datagramsOut }) => datagramsOut),
    }),
  },
  {
    name: 'kubesplice_datagrams_dropped_total',
    protocol: 'UDP',
    type: 'counter',
    help: 'Datagrams dropped for any other reason than that there are no endpoints, by reason',
    label: 'reason',
    of: (servicePort) => byReason(servicePort, droppedByReason),
  },
];

function only(value: number): Readonly<Record<string, number>> {
  return { [ONLY]: value };
}

function sum(figure: (portal: PortalStatus) => number): ServicePortCount['of'] {
  return (servicePort) => only(total(servicePort, figure));
}

function byReason(
  servicePort: ServicePortStatus,
  figure: (portal: PortalStatus) => Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const portal of portalsOf(servicePort))
    for (const [reason, count] of Object.entries(figure(portal))) sums[reason] = (sums[reason] ?? 0) + count;
  return sums;
}

/** A relay that is older than kube-splice tells no reasons. */
function droppedByReason({ droppedDatagrams, droppedByReason }: PortalStatus): Record<string, number> {
  const isUntold = droppedDatagrams > 0 && Object.keys(droppedByReason).length === 0;
  return isUntold ? { unknown: droppedDatagrams } : droppedByReason;
}

/** Sixteen series for each of 10,000 service ports would be as much as all the others: most dial seldom, and some never. */
function dialTimes(servicePort: ServicePortStatus): HistogramCounts | null {
  const all = portalsOf(servicePort).map(({ dialTimes }) => dialTimes);
  const counts = NO_DIALS.counts.map((_, index) =>
    all.reduce((so, portal) => so + (portal.counts[index] ?? 0), 0),
  );
  if (counts.every((count) => count === 0)) return null;
  return { counts, sum: all.reduce((so, { sumMs }) => so + sumMs, 0) / 1_000 };
}

function total(servicePort: ServicePortStatus, figure: (portal: PortalStatus) => number): number {
  return portalsOf(servicePort).reduce((so, portal) => so + figure(portal), 0);
}

function portalsOf(servicePort: ServicePortStatus): readonly PortalStatus[] {
  return servicePort.external === null ? [servicePort] : [servicePort, servicePort.external];
}

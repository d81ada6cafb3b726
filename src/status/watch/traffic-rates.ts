import type { PortalStatus, ServicePortStatus } from '../service-port-status.js';
import type { StatusReport } from '../status-report.js';

/** What a service port carries, both of its portals together. Rates are for each second; null where they aren't known yet. */
export interface ServicePortTraffic {
  readonly servicePort: ServicePortStatus;
  /** TCP connections and UDP sessions. */
  readonly open: number;
  readonly newPerSecond: number | null;
  readonly bytesInPerSecond: number | null;
  readonly bytesOutPerSecond: number | null;
}

/**
 * The service ports of a report, with what each carries: those that something is wrong with first, then the busiest, then by name.
 *
 * @param before an earlier report of the same proxy; null where there is none. One of another run tells nothing.
 */
export function trafficOf(report: StatusReport, before: StatusReport | null): readonly ServicePortTraffic[] {
  const known = before !== null && before.startedAt === report.startedAt ? before : null;
  const seconds =
    known === null ? 0 : (Date.parse(report.currentTime) - Date.parse(known.currentTime)) / 1_000;
  const earlier = new Map(known?.servicePorts.map((servicePort) => [servicePort.name, servicePort]));
  return report.servicePorts
    .map((servicePort) => traffic(servicePort, earlier.get(servicePort.name), seconds))
    .toSorted(
      (one, other) =>
        Number(isBroken(other.servicePort)) - Number(isBroken(one.servicePort)) ||
        business(other) - business(one) ||
        (one.servicePort.name < other.servicePort.name ? -1 : 1),
    );
}

/**
 * Whether new clients are not served as they should be: a portal is not open, has no endpoints, or one that is set aside. Traffic
 * from outside for which this node alone has no endpoints is as it should be: by `externalTrafficPolicy: Local` load balancers send it
 * to other nodes.
 */
export function isBroken(servicePort: ServicePortStatus): boolean {
  return (
    servicePort.endpoints.length === 0 ||
    portalsOf(servicePort).some(
      ({ error, endpoints }) =>
        error !== null || endpoints.some(({ setAsideUntil }) => setAsideUntil !== null),
    )
  );
}

/** The one or two portals of a service port. */
export function portalsOf(servicePort: ServicePortStatus): readonly PortalStatus[] {
  return servicePort.external === null ? [servicePort] : [servicePort, servicePort.external];
}

function traffic(
  servicePort: ServicePortStatus,
  before: ServicePortStatus | undefined,
  seconds: number,
): ServicePortTraffic {
  const rate = (count: (portal: PortalStatus) => number): number | null => {
    if (before === undefined || seconds <= 0) return null;
    const difference = sum(servicePort, count) - sum(before, count);
    // A portal that was opened anew counts from nothing again.
    return difference < 0 ? null : difference / seconds;
  };
  return {
    servicePort,
    open: sum(servicePort, ({ activeConnections, udpSessions }) => activeConnections + udpSessions),
    newPerSecond: rate(({ totalConnections, totalUdpSessions }) => totalConnections + totalUdpSessions),
    bytesInPerSecond: rate(({ bytesIn }) => bytesIn),
    bytesOutPerSecond: rate(({ bytesOut }) => bytesOut),
  };
}

function sum(servicePort: ServicePortStatus, count: (portal: PortalStatus) => number): number {
  return portalsOf(servicePort).reduce((total, portal) => total + count(portal), 0);
}

/** A connection counts as a kilobyte: neither many short ones nor a few large ones are to hide. */
function business({ newPerSecond, bytesInPerSecond, bytesOutPerSecond }: ServicePortTraffic): number {
  return (newPerSecond ?? 0) * 1_000 + (bytesInPerSecond ?? 0) + (bytesOutPerSecond ?? 0);
}

import type { LogFields } from '../host/log.js';
import type { ProcessUsage } from '../host/process-usage.js';
import { hostPort } from '../model/endpoint.js';
import type { RecentFailure } from '../relay/recent-failures.js';
import type { PortalStatus, ServicePortStatus } from './service-port-status.js';
import type { StatusReport } from './status-report.js';

/** A line for the log. */
export interface StateLine {
  readonly message: string;
  readonly fields: LogFields;
}

export interface StateDumpInput {
  readonly report: StatusReport;
  readonly usage: ProcessUsage;
  readonly failures: readonly RecentFailure[];
}

/** Lines of one kind: of 10,000 service ports the log gets as many as a person reads. */
export const MOST_LINES = 100;

/** A portal, and whose it is. */
interface NamedPortal extends PortalStatus {
  readonly name: string;
  readonly protocol: string;
  readonly clusterAddress: string | null;
}

/**
 * Everything that one may want to know of a running proxy, as lines of its log: first what is one of a kind, then what is
 * wrong, then portals and endpoints. Of each kind there are `MOST_LINES` at most, and one that says how many more there are.
 */
export function stateDump({ report, usage, failures }: StateDumpInput): readonly StateLine[] {
  const portals = report.servicePorts.flatMap(portalsOf);
  return [
    processLine(report, usage),
    { message: 'state: relay', fields: { ...report.relay } },
    steeringLine(report),
    ...bounded('source', report.sources.map(sourceLine)),
    syncLine(report),
    totalsLine(report, portals),
    ...bounded('error', errorLines(report)),
    ...bounded('failure', failures.map(failureLine)),
    ...bounded('portal', portals.map(portalLine)),
    ...bounded('endpoint', portals.flatMap(endpointLines)),
  ];
}

function bounded(kind: string, all: readonly LogFields[]): StateLine[] {
  const message = `state: ${kind}`;
  const shown = all.slice(0, MOST_LINES).map((fields) => ({ message, fields }));
  const more = all.length - shown.length;
  return more === 0 ? shown : [...shown, { message, fields: { more } }];
}

function processLine({ version, startedAt }: StatusReport, usage: ProcessUsage): StateLine {
  const { openFiles, openFileLimit, residentBytes, heapBytes } = usage;
  return {
    message: 'state: process',
    fields: { version, startedAt, openFiles, openFileLimit, residentBytes, heapBytes },
  };
}

function steeringLine({ steering: { kind, reason, refused } }: StatusReport): StateLine {
  const fields = {
    kind,
    reason,
    refusedConnections: refused?.connections,
    refusedDatagrams: refused?.datagrams,
  };
  return { message: 'state: steering', fields };
}

function sourceLine(source: StatusReport['sources'][number]): LogFields {
  const { errors, ...fields } = source;
  return { ...fields, errors: errors.length };
}

function syncLine({ sync: { errors, ...fields } }: StatusReport): StateLine {
  return { message: 'state: sync', fields: { ...fields, errors: errors.length } };
}

function totalsLine({ servicePorts }: StatusReport, portals: readonly NamedPortal[]): StateLine {
  const total = (count: (portal: NamedPortal) => number): number =>
    portals.reduce((sum, portal) => sum + count(portal), 0);
  return {
    message: 'state: totals',
    fields: {
      servicePorts: servicePorts.length,
      portals: total(({ portal }) => (portal === null ? 0 : 1)),
      endpoints: total(({ endpoints }) => endpoints.length),
      setAside: total(
        ({ endpoints }) => endpoints.filter(({ setAsideUntil }) => setAsideUntil !== null).length,
      ),
      activeConnections: total(({ activeConnections }) => activeConnections),
      udpSessions: total(({ udpSessions }) => udpSessions),
      dialFailures: total(({ dialFailures }) => dialFailures),
    },
  };
}

function errorLines({ sources, sync, servicePorts }: StatusReport): readonly LogFields[] {
  return [
    ...sync.errors.map((error) => ({ of: 'sync', error })),
    ...sources.flatMap(({ kind, location, errors }) =>
      errors.map((error) => ({ of: `${kind} ${location}`, error })),
    ),
    ...servicePorts
      .flatMap(portalsOf)
      .flatMap(({ name, error }) => (error === null ? [] : [{ of: name, error }])),
  ];
}

function failureLine({ at, failure }: RecentFailure): LogFields {
  const { name, protocol, client, endpoint, reason, detail, final } = failure;
  return {
    at: new Date(at).toISOString(),
    servicePort: name,
    protocol,
    client: hostPort(client.address, client.port),
    endpoint: endpoint?.key,
    reason,
    detail,
    final,
  };
}

function portalsOf(servicePort: ServicePortStatus): readonly NamedPortal[] {
  const { name, protocol, clusterIP, port, external } = servicePort;
  const clusterAddress = clusterIP === null ? null : hostPort(clusterIP, port);
  const internal = { ...servicePort, clusterAddress };
  if (external === null) return [internal];
  return [internal, { ...external, name: `${name} (external)`, protocol, clusterAddress: null }];
}

function portalLine({
  name,
  protocol,
  clusterAddress,
  portal,
  endpoints,
  ...carried
}: NamedPortal): LogFields {
  return {
    servicePort: name,
    protocol,
    clusterAddress,
    portal: portal === null ? null : hostPort(portal.address, portal.port),
    endpoints: endpoints.length,
    activeConnections: carried.activeConnections,
    totalConnections: carried.totalConnections,
    udpSessions: carried.udpSessions,
    bytesIn: carried.bytesIn,
    bytesOut: carried.bytesOut,
    dialFailures: carried.dialFailures,
    noEndpoints: carried.noEndpoints,
    refusedForFiles: carried.refusedForFiles,
    datagramsIn: carried.datagramsIn,
    datagramsOut: carried.datagramsOut,
    droppedDatagrams: carried.droppedDatagrams,
    droppedByReason: byReasonText(carried.droppedByReason),
    halfClosedTimeouts: carried.halfClosedTimeouts,
    waitedForPlace: carried.waitedForPlace,
    refusedForPlace: carried.refusedForPlace,
    failures: byReasonText(carried.failures),
    dials: carried.dialTimes.counts.reduce((sum, count) => sum + count, 0),
    dialMs: carried.dialTimes.sumMs,
    affinityEntries: carried.affinityEntries,
  };
}

/** `dial-refused 3, dial-timeout 1`; undefined, which the log leaves out, where there are none. */
function byReasonText(counts: Readonly<Record<string, number>>): string | undefined {
  const reasons = Object.entries(counts).map(([reason, count]) => `${reason} ${count}`);
  return reasons.length === 0 ? undefined : reasons.join(', ');
}

function endpointLines({ name, endpoints, drainingEndpoints }: NamedPortal): readonly LogFields[] {
  return [
    ...endpoints.map((endpoint) => ({ ...endpoint, draining: false })),
    ...drainingEndpoints.map((endpoint) => ({ ...endpoint, draining: true })),
  ].map(({ address, port, connections, totalConnections, setAsideUntil, draining }) => ({
    servicePort: name,
    endpoint: hostPort(address, port),
    connections,
    totalConnections,
    setAsideUntil,
    draining,
  }));
}

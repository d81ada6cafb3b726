import { hostPort } from '../model/endpoint.js';
import { printable } from '../model/printable.js';
import { byteQuantity, countOf, timeQuantity } from './quantity.js';
import type { PortalStatus, ServicePortStatus } from './service-port-status.js';
import type { NodeStatus, SourceReport, StatusReport, SteeringStatus } from './status-report.js';
import { textColumns } from './text-columns.js';

/** Endpoints that are named, as in `kubectl get endpoints`; of the others only the number is told. */
const ENDPOINTS_NAMED = 3;

/** A line of the table: a portal that a service port has or is to have. */
interface PortalRow extends PortalStatus {
  readonly name: string;
  readonly protocol: string;
  readonly clusterAddress: string;
}

const COLUMNS: readonly (readonly [string, (row: PortalRow) => string])[] = [
  ['NAME', ({ name }) => name],
  ['PROTO', ({ protocol }) => protocol],
  ['CLUSTER-IP:PORT', ({ clusterAddress }) => clusterAddress],
  ['PORTAL', ({ portal }) => (portal === null ? '<none>' : hostPort(portal.address, portal.port))],
  ['ACTIVE', ({ activeConnections }) => String(activeConnections)],
  ['TOTAL', ({ totalConnections }) => String(totalConnections)],
  ['IN', ({ bytesIn }) => byteQuantity(bytesIn)],
  ['OUT', ({ bytesOut }) => byteQuantity(bytesOut)],
  ['DIAL-FAILURES', ({ dialFailures }) => String(dialFailures)],
  ['UDP-SESSIONS', ({ udpSessions }) => String(udpSessions)],
  // Last, for it is the widest: on a narrow terminal the numbers keep their columns.
  ['ENDPOINTS', endpointsCell],
];

/** The report as text for a terminal: the service ports in columns, what is wrong, and a summary. Ends with a newline. */
export function statusTable(report: StatusReport): string {
  const headings = COLUMNS.map(([heading]) => heading);
  const rows = report.servicePorts.flatMap(portalRows);
  const lines = rows.map((row) => COLUMNS.map(([, cell]) => printable(cell(row))));
  const table = rows.length === 0 ? ['No service ports.'] : textColumns([headings, ...lines]);
  const errors = errorLines(rows, report);
  const summary = summaryLines(rows, report);
  return [...table, '', ...errors, ...(errors.length === 0 ? [] : ['']), ...summary, ''].join('\n');
}

function portalRows(servicePort: ServicePortStatus): readonly PortalRow[] {
  const { name, clusterIP, port, external } = servicePort;
  const clusterAddress = clusterIP === null ? `<none>:${port}` : hostPort(clusterIP, port);
  const internal = { ...servicePort, clusterAddress };
  if (external === null) return [internal];
  // Its traffic comes from other addresses: a ClusterIP beside it would mislead.
  return [internal, { ...internal, ...external, name: `${name} (external)`, clusterAddress: '<none>' }];
}

function endpointsCell({ endpoints, drainingEndpoints }: PortalStatus): string {
  const named = endpoints.slice(0, ENDPOINTS_NAMED).map(({ address, port }) => hostPort(address, port));
  const others = endpoints.length - named.length;
  const setAside = endpoints.filter(({ setAsideUntil }) => setAsideUntil !== null).length;
  return [
    named.length === 0 ? '<none>' : named.join(','),
    others > 0 ? ` + ${others} more` : '',
    setAside > 0 ? `, ${setAside} set aside` : '',
    drainingEndpoints.length > 0 ? ` + ${drainingEndpoints.length} draining` : '',
  ].join('');
}

function errorLines(rows: readonly PortalRow[], { sources, sync }: StatusReport): string[] {
  return [
    ...rows.flatMap(({ name, error }) => (error === null ? [] : [`${name}: ${error}`])),
    ...sources.flatMap(({ kind, location, errors }) =>
      errors.map((error) => `${kind} ${location}: ${error}`),
    ),
    ...sync.errors.map((error) => `sync: ${error}`),
  ].map(printable);
}

function summaryLines(rows: readonly PortalRow[], report: StatusReport): string[] {
  const { servicePorts, relay, steering, sync, sources, node } = report;
  const now = Date.parse(report.currentTime);
  const portals = rows.filter(({ portal }) => portal !== null).length;
  const endpoints = servicePorts.reduce((sum, servicePort) => sum + endpointCount(servicePort), 0);
  const synced = sync.lastSynced === null ? 'not synced yet' : `last sync ${since(now, sync.lastSynced)} ago`;
  const waiting =
    sync.pendingSince === null ? '' : `, a change has waited for ${since(now, sync.pendingSince)}`;
  return [
    `${countOf(servicePorts.length, 'service port')}, ${countOf(portals, 'portal')}, ${countOf(endpoints, 'endpoint')}; ${synced}${waiting}`,
    ...sources.map((source) => sourceLine(source, now)),
    ...(node === null ? [] : [nodeLine(node)]),
    `kube-splice ${report.version}, up ${timeQuantity(now - Date.parse(report.startedAt))}, relay ${relay.kind} (${relay.reason}), steering ${steering.kind} (${steering.reason})${refusedText(steering)}`,
  ].map(printable);
}

/** Nothing where nobody tried. */
function refusedText({ refused }: SteeringStatus): string {
  if (refused === null || refused.connections + refused.datagrams === 0) return '';
  const { connections, datagrams } = refused;
  return `, refused at portals: ${countOf(connections, 'connection')}, ${countOf(datagrams, 'datagram')}`;
}

/** One that serves both kinds of traffic counts once. */
function endpointCount({ endpoints, external }: ServicePortStatus): number {
  if (external === null) return endpoints.length;
  return new Set([...endpoints, ...external.endpoints].map(({ address, port }) => hostPort(address, port)))
    .size;
}

function sourceLine(source: SourceReport, now: number): string {
  const { kind, location, objects, stale, connected, connectionChangedAt, endpointApi, savedAt } = source;
  const ago = (time: string | null): string => (time === null ? '' : ` ${since(now, time)}`);
  return [
    `${kind} ${location}`,
    countOf(objects, 'object'),
    ...(endpointApi === null ? [] : [`endpoints from ${endpointApi}`]),
    ...(connected === null
      ? []
      : [`${connected ? 'connected for' : 'not connected for'}${ago(connectionChangedAt)}`]),
    ...(savedAt === null ? [] : [`saved${ago(savedAt)} ago`]),
    ...(stale ? ['stale'] : []),
  ].join(', ');
}

function nodeLine({ name, zone, addresses }: NodeStatus): string {
  return [
    `node ${name}`,
    ...(zone === null ? [] : [`zone ${zone}`]),
    ...(addresses.length === 0 ? [] : [`addresses ${addresses.join(' ')}`]),
  ].join(', ');
}

function since(now: number, time: string): string {
  return timeQuantity(now - Date.parse(time));
}

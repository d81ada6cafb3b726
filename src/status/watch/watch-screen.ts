import { printable } from '../../model/printable.js';
import { byteQuantity, countOf, timeQuantity } from '../quantity.js';
import type { EndpointStatus } from '../service-port-status.js';
import type { StatusReport } from '../status-report.js';
import { isBroken, portalsOf, type ServicePortTraffic, trafficOf } from './traffic-rates.js';

/** What there is room for, in characters; nothing is left out where a side is infinite. */
export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

/** What is shown: the last report there was, the one before it, and why there is no newer one, where there is none. */
export interface Watched {
  readonly report: StatusReport | null;
  readonly before: StatusReport | null;
  /** A line; null while the proxy answers. */
  readonly failure: string | null;
}

/** Errors that are shown at once; of others the number is told. */
const ERRORS_SHOWN = 3;

/** The name has what the figures leave, and no less than this. */
const NARROWEST_NAME = 16;

const FIGURES: readonly (readonly [
  heading: string,
  width: number,
  cell: (row: ServicePortTraffic) => string,
])[] = [
  ['OPEN', 7, ({ open }) => `${open}`],
  ['NEW/S', 8, ({ newPerSecond }) => (newPerSecond === null ? '-' : newPerSecond.toFixed(1))],
  ['IN/S', 9, ({ bytesInPerSecond }) => bytesCell(bytesInPerSecond)],
  ['OUT/S', 9, ({ bytesOutPerSecond }) => bytesCell(bytesOutPerSecond)],
  ['ENDPOINTS', 12, endpointsCell],
];

const FIGURES_WIDTH = FIGURES.reduce((sum, [, width]) => sum + width, 0);

/** The lines of a screen: no more of them than it has, none wider than it is, each safe for a terminal. */
export function watchScreen(
  { report, before, failure }: Watched,
  { columns, rows }: ScreenSize,
): readonly string[] {
  const head = [...(failure === null ? [] : [`! ${failure}`]), ...(report === null ? [] : headLines(report))];
  // While nobody answers rates would be those of a moment that has passed.
  const table =
    report === null ? [] : tableLines(trafficOf(report, failure === null ? before : null), columns);
  const room = Math.max(0, rows - head.length);
  const hidden = table.length - room;
  const body = hidden <= 0 ? table : [...table.slice(0, Math.max(0, room - 1)), `${hidden + 1} more below`];
  return [...head, ...body].slice(0, rows).map((line) => printable(line).slice(0, columns));
}

function headLines(report: StatusReport): readonly string[] {
  const { version, currentTime, startedAt, relay, steering, sync, sources, servicePorts } = report;
  const now = Date.parse(currentTime);
  const since = (time: string): string => timeQuantity(now - Date.parse(time));
  const synced = sync.lastSynced === null ? 'not synced yet' : `synced ${since(sync.lastSynced)} ago`;
  const errors = [
    ...sources.flatMap(({ location, errors: ofSource }) => ofSource.map((error) => `${location}: ${error}`)),
    ...sync.errors,
  ];
  const others = errors.length - ERRORS_SHOWN;
  return [
    `kube-splice ${version}, up ${since(startedAt)}, relay ${relay.kind}, steering ${steering.kind}`,
    `${countOf(servicePorts.length, 'service port')}, ${servicePorts.filter(isBroken).length} with trouble; ${synced}`,
    ...errors.slice(0, ERRORS_SHOWN).map((error) => `! ${error}`),
    ...(others > 0 ? [`! ${countOf(others, 'further error')}: kube-splice status`] : []),
    '',
  ];
}

function tableLines(traffic: readonly ServicePortTraffic[], columns: number): readonly string[] {
  const longest = traffic.reduce(
    (width, { servicePort }) => Math.max(width, servicePort.name.length + 2),
    NARROWEST_NAME,
  );
  const width = Math.max(NARROWEST_NAME, Math.min(longest, columns - FIGURES_WIDTH));
  const line = (mark: string, name: string, cells: readonly string[]): string =>
    [`${mark} ${shortened(name, width - 2)}`, ...cells].join('');
  const headings = FIGURES.map(([heading, cellWidth]) => heading.padStart(cellWidth));
  return [
    line(' ', 'NAME', headings),
    ...traffic.map((row) =>
      line(
        isBroken(row.servicePort) ? '!' : ' ',
        row.servicePort.name,
        FIGURES.map(([, cellWidth, cell]) => cell(row).padStart(cellWidth)),
      ),
    ),
  ];
}

/** As wide as this; of a name that is longer the end, where ports differ. */
function shortened(name: string, width: number): string {
  return name.length <= width ? name.padEnd(width) : `…${name.slice(1 - width)}`;
}

function bytesCell(perSecond: number | null): string {
  return perSecond === null ? '-' : byteQuantity(Math.round(perSecond));
}

/** What is wrong, where something is: the mark before the name has its reason here. */
function endpointsCell({ servicePort }: ServicePortTraffic): string {
  const portals = portalsOf(servicePort);
  if (portals.some(({ portal }) => portal === null)) return 'no portal';
  if (portals.some(({ error }) => error !== null)) return 'error';
  const partly = portals.find(({ endpoints }) => inUse(endpoints) < endpoints.length);
  if (partly !== undefined) return `${inUse(partly.endpoints)} of ${partly.endpoints.length}`;
  const { endpoints } = servicePort;
  return endpoints.length === 0 ? 'none' : `${endpoints.length}`;
}

function inUse(endpoints: readonly EndpointStatus[]): number {
  return endpoints.filter(({ setAsideUntil }) => setAsideUntil === null).length;
}

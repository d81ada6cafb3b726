import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ServicePortStatus } from '../service-port-status.js';
import type { HistogramCounts, ServicePortFigure } from './service-port-figures.js';

/** Service ports whose series are written in one turn of the event loop: a millisecond or so. */
const SLICE = 250;

/**
 * The series of all service ports, piece by piece, in the text format of Prometheus (prometheus.io, Exposition formats).
 *
 * Written here, because a library that keeps an object for each series takes two seconds for those of 10,000 service ports, and
 * lets nothing else happen meanwhile: no endpoint is changed, and no connection of the portable relay goes on.
 */
export async function* servicePortSeries(
  servicePorts: readonly ServicePortStatus[],
  figures: readonly ServicePortFigure[],
): AsyncGenerator<string, undefined> {
  const slices: Labelled[][] = [];
  for (let first = 0; first < servicePorts.length; first += SLICE) {
    const slice = servicePorts.slice(first, first + SLICE);
    slices.push(slice.map((servicePort) => ({ servicePort, labels: labelsOf(servicePort) })));
    await nextTurn();
  }
  for (const figure of figures) {
    yield `# HELP ${figure.name} ${figure.help}\n# TYPE ${figure.name} ${figure.type}\n`;
    for (const slice of slices) {
      yield seriesOf(figure, slice);
      await nextTurn();
    }
  }
}

interface Labelled {
  readonly servicePort: ServicePortStatus;
  /** Those that all series of the service port have, as text. */
  readonly labels: string;
}

function seriesOf(figure: ServicePortFigure, labelled: readonly Labelled[]): string {
  const { name, protocol } = figure;
  let text = '';
  for (const { servicePort, labels } of labelled) {
    if (protocol !== undefined && protocol !== servicePort.protocol) continue;
    if (figure.type === 'histogram') {
      const counts = figure.of(servicePort);
      if (counts !== null) text += histogramSeries(name, labels, figure.bounds, counts);
      continue;
    }
    for (const [value, count] of Object.entries(figure.of(servicePort))) {
      if (count === null) continue;
      const own = figure.label === undefined ? '' : `,${figure.label}="${escaped(value)}"`;
      text += `${name}{${labels}${own}} ${count}\n`;
    }
  }
  return text;
}

/** Each bucket has those of the buckets before it, too. */
function histogramSeries(
  name: string,
  labels: string,
  bounds: readonly number[],
  { counts, sum }: HistogramCounts,
): string {
  let text = '';
  let within = 0;
  for (const [index, count] of counts.entries()) {
    within += count;
    text += `${name}_bucket{${labels},le="${bounds[index] ?? '+Inf'}"} ${within}\n`;
  }
  return `${text}${name}_sum{${labels}} ${sum}\n${name}_count{${labels}} ${within}\n`;
}

/** Of `namespace/name:port`, or `namespace/name`: none of the three may have one of these characters (RFC 1123). */
function labelsOf({ name, protocol }: ServicePortStatus): string {
  const [namespace = '', rest = ''] = name.split('/');
  const [service = '', portName = ''] = rest.split(':');
  return Object.entries({ namespace, service, port_name: portName, protocol })
    .map(([label, value]) => `${label}="${escaped(value)}"`)
    .join(',');
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

import type { Machine } from './machine.js';
import { IDLE_CONNECTIONS } from './measurements.js';
import { latencyTexts, ratioTexts } from './ratio-report.js';
import { ratiosOf } from './ratios.js';
import { type Spread, spreadIfComplete } from './statistics.js';
import { type MeasurementResult, type Summary, summarize } from './summary.js';
import { figure, table } from './table.js';

export interface MemoryResult {
  readonly peer: string;
  /** By round: bytes that an idle connection makes the peer grow by; null where the system does not tell. */
  readonly bytesPerConnection: readonly (number | null)[];
}

/** A peer that could not be started or measured, and was left out of that. */
export interface Failure {
  readonly peer: string;
  readonly work: string;
  readonly message: string;
}

export interface Settings {
  readonly rounds: number;
  readonly seconds: number;
}

/** Everything that a run found. `--json` writes it as it is. */
export interface Results {
  readonly machine: Machine;
  readonly settings: Settings;
  readonly measurements: readonly MeasurementResult[];
  readonly memory: readonly MemoryResult[];
  /** Version and settings of each peer that ran, and why others did not. */
  readonly peers: readonly { readonly name: string; readonly description: string }[];
  readonly failures: readonly Failure[];
  /** What else has to be known to read the figures. */
  readonly notes: readonly string[];
}

/** The load and the peer; figures are aligned to the right. */
const TEXT_COLUMNS = 2;
const HEAD = ['', 'peer', 'median', 'min – max', 'of direct', 'CPU', 'CPU of machine'];
const NOT_KNOWN = '–';

/** The results as a person reads them. */
export function reportText(results: Results): string {
  const { machine, settings, measurements, memory, peers, failures, notes } = results;
  const { cores, system, node, congestionControl, cpuTimes } = machine;
  const { rounds, seconds } = settings;
  const summaries = measurements.flatMap((result) => summarize(result));
  return [
    `${cores} cores, ${system}, Node ${node}${congestionControl === null ? '' : `, TCP with ${congestionControl}`}; ${rounds === 1 ? '1 round' : `medians of ${rounds} rounds`} of ${seconds} s, peers in turn`,
    table(HEAD, [...summaries.map(measurementRow), ...memory.map(memoryRow)], TEXT_COLUMNS),
    ...latencyTexts(measurements),
    ...ratioTexts(ratiosOf(measurements, memory)),
    ...summaries.filter(({ lost }) => lost > 0).map(lossText),
    ...failures.map(({ peer, work, message }) => `${peer} was left out, ${work}: ${message}`),
    "CPU: of the peer's own processes, and of the whole machine (client, endpoint and kernel included), for one of what is counted.",
    ...notes,
    ...(peers.length === 0
      ? []
      : [peers.map(({ name, description }) => `- ${name}: ${description}`).join('\n')]),
    ...(cpuTimes ? [] : ['CPU and memory are read from /proc, which only Linux has.']),
  ].join('\n\n');
}

function measurementRow({ measurement, peer, rate, ratio, peerCpu, machineCpu }: Summary): readonly string[] {
  const { title, unit } = measurement;
  const cpu = (spread: Spread | null): string =>
    spread === null ? NOT_KNOWN : `${figure(spread.median)} ${unit.cpu}`;
  return [title, peer, ...medianAndRange(rate), ratio.median.toFixed(2), cpu(peerCpu), cpu(machineCpu)];
}

function memoryRow({ peer, bytesPerConnection }: MemoryResult): readonly string[] {
  const bytes = spreadIfComplete(bytesPerConnection);
  const figures = bytes === null ? [NOT_KNOWN, NOT_KNOWN] : medianAndRange(bytes);
  const title = `bytes of memory each, ${IDLE_CONNECTIONS.toLocaleString('en')} idle connections`;
  return [title, peer, ...figures, NOT_KNOWN, NOT_KNOWN, NOT_KNOWN];
}

function medianAndRange({ median, min, max }: Spread): readonly string[] {
  return [figure(median), `${figure(min)} – ${figure(max)}`];
}

function lossText({ measurement, peer, lost }: Summary): string {
  return `${measurement.title}, ${peer}: ${lost} datagrams had no answer in time and were sent again.`;
}

import type { Measurement, Unit } from './measurements.js';
import type { Measured } from './messages.js';
import { type Spread, spread, spreadIfComplete } from './statistics.js';

/** What every peer did under one load, round by round; all have the same number of rounds. */
export interface MeasurementResult {
  readonly measurement: Measurement;
  /** In the order of the peers; the first is what the others are compared with. */
  readonly peers: readonly { readonly name: string; readonly rounds: readonly Measured[] }[];
}

/** One row of the table. */
export interface Summary {
  readonly measurement: Measurement;
  readonly peer: string;
  /** Units a second. */
  readonly rate: Spread;
  /** Of the rate to the first peer's rate in the same round: noise that lasts longer than a round cancels out. */
  readonly ratio: Spread;
  /** CPU of the peer's own processes for one unit, in the unit's µs or ms. */
  readonly peerCpu: Spread | null;
  /** CPU of the whole machine for one unit: client, endpoint and kernel included. */
  readonly machineCpu: Spread | null;
  /** Datagrams that had to be sent again, all rounds. */
  readonly lost: number;
}

/** A row for each peer. @throws RangeError where a window saw nothing done, which no figure could stand for. */
export function summarize({ measurement, peers }: MeasurementResult): readonly Summary[] {
  const { unit, title } = measurement;
  const baseline = peers[0]?.rounds ?? [];
  return peers.map(({ name, rounds }) => {
    const idle = rounds.findIndex(({ done }) => done === 0);
    if (idle !== -1) throw new RangeError(`${title}, ${name}: nothing was done in round ${idle + 1}`);
    return {
      measurement,
      peer: name,
      rate: spread(rounds.map((round) => rate(round, unit))),
      ratio: spread(rounds.map((round, index) => rate(round, unit) / rate(baseline[index] ?? round, unit))),
      peerCpu: spreadIfComplete(rounds.map((round) => cpuPerUnit(round.peerCpuMs, round, unit))),
      machineCpu: spreadIfComplete(rounds.map((round) => cpuPerUnit(round.machineCpuMs, round, unit))),
      lost: rounds.reduce((sum, { lost }) => sum + lost, 0),
    };
  });
}

function rate({ done, seconds }: Measured, { size }: Unit): number {
  return done / size / seconds;
}

function cpuPerUnit(cpuMs: number | null, { done }: Measured, { size, cpu }: Unit): number | null {
  return cpuMs === null ? null : (cpuMs * (cpu === 'µs' ? 1000 : 1)) / (done / size);
}

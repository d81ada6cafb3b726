import { goalFor, JUDGED, MEMORY_GOAL_BYTES, RIVALS, type Rival } from './goals.js';
import { IDLE_CONNECTIONS, type MeasurementName } from './measurements.js';
import type { Measured } from './messages.js';
import type { MemoryResult } from './report.js';
import { type Spread, spreadIfComplete } from './statistics.js';
import type { MeasurementResult } from './summary.js';

/** What is compared instead of what is added, in front of the load. */
export const WHOLE_P99 = 'whole p99, ';

/** What one of our relays needs for a piece of work, as a share of what a rival needs, round by round. */
export interface Ratio {
  readonly name: MeasurementName;
  readonly work: string;
  readonly relay: string;
  readonly rival: Rival;
  /** The figure that counts: the relay's own CPU for a unit; for `memory` bytes, for `latency` what is added to p99, or p99 itself. */
  readonly own: Spread | null;
  /** CPU of the whole machine for a unit. */
  readonly machine: Spread | null;
  /** Units a second. */
  readonly rate: Spread | null;
  /** The most that `own` may be. */
  readonly goal: number | null;
  /** Null where there is no goal, no figure, or the relay is not the one that the goals are for. */
  readonly met: boolean | null;
}

/** All relays of ours against all rivals that ran, in the order in which they were measured. */
export function ratiosOf(
  measurements: readonly MeasurementResult[],
  memory: readonly MemoryResult[],
): readonly Ratio[] {
  return [...measurements.flatMap(workRatios), ...memoryRatios(memory)];
}

function workRatios({ measurement, peers }: MeasurementResult): readonly Ratio[] {
  const { name, title } = measurement;
  const direct = peers.find((peer) => peer.name === 'direct')?.rounds ?? [];
  return pairs(peers).map(({ relay, rival, rivalName }) => {
    const inRound = (figure: (round: Measured, index: number) => number | null): Spread | null =>
      shares(relay.rounds.map(figure), rival.rounds.map(figure));
    const own =
      name === 'latency'
        ? p99Shares(relay.rounds, rival.rounds, direct)
        : { what: '', shares: inRound(({ peerCpuMs, done }) => per(peerCpuMs, done)) };
    return judged({
      name,
      work: `${own.what}${title}`,
      relay: relay.name,
      rival: rivalName,
      own: own.shares,
      machine: inRound(({ machineCpuMs, done }) => per(machineCpuMs, done)),
      rate: inRound(({ done, seconds }) => per(done, seconds)),
    });
  });
}

function memoryRatios(memory: readonly MemoryResult[]): readonly Ratio[] {
  const peers = memory.map(({ peer, bytesPerConnection }) => ({ name: peer, bytesPerConnection }));
  return pairs(peers).map(({ relay, rival, rivalName }) => {
    const ratio = judged({
      name: 'memory',
      work: `memory, ${IDLE_CONNECTIONS.toLocaleString('en')} idle connections`,
      relay: relay.name,
      rival: rivalName,
      own: shares(relay.bytesPerConnection, rival.bytesPerConnection),
      machine: null,
      rate: null,
    });
    const bytes = spreadIfComplete(relay.bytesPerConnection)?.median ?? 0;
    return ratio.met === null ? ratio : { ...ratio, met: ratio.met && bytes < MEMORY_GOAL_BYTES };
  });
}

function judged(ratio: Omit<Ratio, 'goal' | 'met'>): Ratio {
  const goal = goalFor(ratio.name, ratio.rival);
  const decided = goal !== null && ratio.own !== null && ratio.relay === JUDGED;
  return { ...ratio, goal, met: decided ? ratio.own.median <= goal : null };
}

function pairs<Measured extends { readonly name: string }>(peers: readonly Measured[]) {
  const isRival = (name: string): boolean => RIVALS.some((rival) => rival === name);
  const ours = peers.filter(({ name }) => name !== 'direct' && !isRival(name));
  return ours.flatMap((relay) =>
    RIVALS.flatMap((rivalName) => {
      const rival = peers.find(({ name }) => name === rivalName);
      return rival === undefined ? [] : [{ relay, rival, rivalName }];
    }),
  );
}

/**
 * Of the figures of the same round: what slows the machine down for longer than a round cancels out. Null where one is
 * missing, or where a rival's is nothing or less, which nothing can be a share of.
 */
function shares(ours: readonly (number | null)[], theirs: readonly (number | null)[]): Spread | null {
  return spreadIfComplete(
    ours.map((our, round) => {
      const their = theirs[round] ?? null;
      return our === null || their === null || their <= 0 ? null : our / their;
    }),
  );
}

function per(amount: number | null, units: number): number | null {
  return amount === null || units === 0 ? null : amount / units;
}

/**
 * Of what each adds to the p99 of the direct connection, that one as the median of its rounds. Where that is more than a
 * relay's own p99 in some round, which is noise, there is nothing to have a share of: the whole p99 is compared then.
 */
function p99Shares(ours: readonly Measured[], theirs: readonly Measured[], direct: readonly Measured[]) {
  const p99s = (rounds: readonly Measured[]) => rounds.map(({ latency }) => latency?.p99 ?? null);
  const base = spreadIfComplete(p99s(direct))?.median;
  const added = (rounds: readonly Measured[]) =>
    p99s(rounds).map((p99) => (p99 === null || base === undefined ? null : p99 - base));
  const [our, their] = [added(ours), added(theirs)];
  if ([...our, ...their].every((one) => one !== null && one > 0)) {
    return { what: 'p99 added, ', shares: shares(our, their) };
  }
  return { what: WHOLE_P99, shares: shares(p99s(ours), p99s(theirs)) };
}

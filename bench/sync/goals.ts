import { spread } from '../statistics.js';
import { figure } from '../table.js';
import { quantiles } from './quantiles.js';
import type { SizeResult } from './size-result.js';
import type { RulesResult } from './steering/rules-result.js';

const MB = 1e6;

/** A goal beside what was found. */
export interface GoalOutcome {
  readonly goal: string;
  readonly found: string;
  readonly met: boolean;
}

/** The sizes that goals are set for. */
const FEW = 10;
const SOME = 100;
const MANY = 10_000;

/** The medians at the largest and the middle size may be so far apart: noise, but not ten times, let alone a hundred. */
const INDEPENDENT_RATIO = 1.5;

/** The goals whose sizes were measured. */
export function goalOutcomes(results: readonly SizeResult[]): readonly GoalOutcome[] {
  const of = (services: number) => results.find((result) => result.services === services);
  const [few, some, many] = [of(FEW), of(SOME), of(MANY)];
  return [
    ...(many === undefined ? [] : [start(many), effect(many)]),
    ...(many === undefined || some === undefined ? [] : [independence(some, many)]),
    ...(many === undefined ? [] : memory(many, 350)),
    ...(few === undefined ? [] : memory(few, 90)),
  ];
}

const IPTABLES_GOALS = { fromNothingSeconds: { 1000: 0.5, 10000: 3 }, changeMs: { 10000: 300 } };
const NFTABLES_GOALS = { fromNothingSeconds: { 10000: 1 }, changeMs: { 10000: 60 } };

/** The goals of packet rules whose filters and sizes were measured. */
export function rulesGoalOutcomes(results: readonly RulesResult[]): readonly GoalOutcome[] {
  return results.flatMap((result) => {
    const { filter, services, writes, changes } = result;
    const goals = filter === 'nftables' ? NFTABLES_GOALS : IPTABLES_GOALS;
    const of = (limits: Readonly<Record<number, number>>): number | undefined => limits[services];
    const [mostSeconds, mostMs] = [of(goals.fromNothingSeconds), of(goals.changeMs)];
    // Whoever starts waits for both.
    const fromNothing = spread(writes.map(({ probeMs, ms }) => (probeMs + ms) / 1_000)).median;
    const change = quantiles(changes.map(({ ms }) => ms));
    return [
      ...(mostSeconds === undefined
        ? []
        : [
            outcome(
              `${filter}: ${count(services)} Services from nothing in under ${mostSeconds} s`,
              `${figure(fromNothing)} s`,
              fromNothing < mostSeconds,
            ),
          ]),
      ...(mostMs === undefined
        ? []
        : [
            outcome(
              `${filter}: one change among ${count(services)} in under ${mostMs} ms, median`,
              `${figure(change.median)} ms`,
              change.median < mostMs,
            ),
          ]),
    ];
  });
}

function start({ services, starts }: SizeResult): GoalOutcome {
  const { median } = spread(starts.map(({ seconds }) => seconds));
  return outcome(`start under 10 s with ${count(services)} Services`, `${figure(median)} s`, median < 10);
}

function effect({ services, quietMs }: SizeResult): GoalOutcome {
  const { median } = quantiles(quietMs);
  const goal = `change to effect under 10 ms, median, with ${count(services)} Services`;
  return outcome(goal, `${figure(median)} ms`, median < 10);
}

function independence(some: SizeResult, many: SizeResult): GoalOutcome {
  const ratio = quantiles(many.quietMs).median / quantiles(some.quietMs).median;
  const goal = `that independent of the number of Services: at most ${INDEPENDENT_RATIO} times that of ${count(some.services)}`;
  return outcome(goal, `${ratio.toFixed(2)} times`, ratio <= INDEPENDENT_RATIO);
}

/** The peak of the start is not what a node has to spare for long. */
function memory({ services, memory: held }: SizeResult, mostMb: number): GoalOutcome[] {
  const goal = `resident memory under ${mostMb} MB with ${count(services)} Services`;
  const row = (when: string, bytes: number): GoalOutcome =>
    outcome(`${goal}, ${when}`, `${figure(bytes / MB)} MB`, bytes < mostMb * MB);
  return [row('at rest', held.settled), row('after all changes and their connections', held.changed)];
}

function outcome(goal: string, found: string, met: boolean): GoalOutcome {
  return { goal, found, met };
}

function count(value: number): string {
  return value.toLocaleString('en');
}

import type { Machine } from '../machine.js';
import { figure, table } from '../table.js';
import { goalOutcomes, rulesGoalOutcomes } from './goals.js';
import { CHANGES, CHURN_PER_SECOND, QUIET_MS } from './measure-size.js';
import type { Start } from './proxy-program.js';
import { quantiles } from './quantiles.js';
import type { SizeResult } from './size-result.js';
import { counted, spreadText, spreadTitle } from './spread-text.js';
import { rulesText } from './steering/rules-report.js';
import type { RulesResult } from './steering/rules-result.js';
import { steeredStartsText } from './steering/steered-starts-report.js';
import type { SteeredStarts } from './steering/steered-starts-result.js';

/** Everything that a run found. `--json` writes it as it is. */
export interface SyncResults {
  readonly machine: Machine;
  readonly sizes: readonly SizeResult[];
  readonly rules: readonly RulesResult[];
  readonly steeredStarts: readonly SteeredStarts[];
  /** What was asked for and could not be measured here, and why. */
  readonly leftOut: readonly string[];
}

type Row = readonly [title: string, cell: (result: SizeResult) => string];

const ROWS: readonly Row[] = [
  ['start to every portal listening, s', ofStarts(({ seconds }) => seconds)],
  ['CPU of it, s', ofStarts(({ cpuSeconds }) => cpuSeconds)],
  ['CPU of the API server meanwhile, s', ofStarts(({ serverCpuSeconds }) => serverCpuSeconds)],
  ['peak of memory until then, MB', ofStarts(({ peakBytes }) => peakBytes / 1e6)],
  [`memory after ${QUIET_MS / 1_000} s of quiet, MB`, ({ memory }) => megabytes(memory.settled)],
  ['memory after all changes, MB', ({ memory }) => megabytes(memory.changed)],
  ['peak of memory in all, MB', ({ memory }) => megabytes(memory.peak)],
  [
    `CPU for a change, mean of ${CHANGES.toLocaleString('en')}, ms`,
    (result) => figure(result.cpuPerChangeMs),
  ],
  ...effectRows('change to effect', ({ quietMs }) => quietMs),
  ...effectRows(`the same, ${CHURN_PER_SECOND} others a second`, ({ churnMs }) => churnMs),
  ...effectRows('one connection, nothing changes', ({ connectionMs }) => connectionMs),
];

/** The results as a person reads them. */
export function syncReportText(results: SyncResults): string {
  const { sizes, rules, steeredStarts, leftOut } = results;
  const { cores, system, node } = results.machine;
  const goals = [...goalOutcomes(sizes), ...rulesGoalOutcomes(rules)].map(({ goal, found, met }) => [
    goal,
    found,
    met ? 'met' : 'missed',
  ]);
  return [
    `${cores} cores, ${system}, Node ${node}`,
    ...(sizes.length === 0 ? [] : portalsText(sizes)),
    ...(rules.length === 0 ? [] : rulesText(rules)),
    ...(steeredStarts.length === 0 ? [] : steeredStartsText(steeredStarts)),
    ...(goals.length === 0 ? [] : [table(['goal', 'found', ''], goals, 3)]),
    ...(leftOut.length === 0 ? [] : [leftOut.map((reason) => `Left out: ${reason}`).join('\n')]),
  ].join('\n\n');
}

function portalsText(sizes: readonly SizeResult[]): readonly string[] {
  const starts = sizes[0]?.starts.length ?? 0;
  return [
    `The portals: ${spreadTitle(starts, 'start')}, ${counted(sizes[0]?.quietMs.length ?? 0, 'change')} timed, alone and beside others`,
    table(
      ['Services', ...sizes.map(({ services }) => services.toLocaleString('en'))],
      ROWS.map(([title, cell]) => [title, ...sizes.map(cell)]),
      1,
    ),
    objectsText(sizes),
  ];
}

function objectsText(sizes: readonly SizeResult[]): string {
  const largest = sizes.reduce((a, b) => (b.services > a.services ? b : a));
  const { serviceBytes, sliceBytes } = largest;
  return `A Service has ${figure(serviceBytes)} bytes, a slice of ten endpoints ${figure(sliceBytes)}.`;
}

function ofStarts(read: (start: Start) => number): (result: SizeResult) => string {
  return ({ starts }) => spreadText(starts.map(read));
}

function effectRows(title: string, read: (result: SizeResult) => readonly number[]): readonly Row[] {
  return [
    [`${title}: median, ms`, (result) => figure(quantiles(read(result)).median)],
    [`${title}: p99, ms`, (result) => figure(quantiles(read(result)).p99)],
    [`${title}: worst, ms`, (result) => figure(quantiles(read(result)).worst)],
  ];
}

function megabytes(bytes: number): string {
  return figure(bytes / 1e6);
}

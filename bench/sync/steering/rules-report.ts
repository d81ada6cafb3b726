import { spread } from '../../statistics.js';
import { figure, table } from '../../table.js';
import { type Quantiles, quantiles } from '../quantiles.js';
import { counted, spreadText, spreadTitle } from '../spread-text.js';
import type { RulesResult } from './rules-result.js';
import { CHANGE_KINDS, type ChangeKind } from './steered-services.js';

type Row = readonly [title: string, cell: (result: RulesResult) => string];

const ROWS: readonly Row[] = [
  ['finding out what there is, ms', ({ writes }) => medianText(writes.map(({ probeMs }) => probeMs))],
  ['from nothing, s', ({ writes }) => spreadText(writes.map(({ ms }) => ms / 1_000))],
  [
    'the bare program, the same rules, s',
    ({ writes }) => spreadText(writes.map(({ bareMs }) => bareMs / 1_000)),
  ],
  ['from nothing, that many times the bare program', ({ writes }) => timesBare(writes)],
  ['one change: median, ms', (result) => figure(changesOf(result).median)],
  ...CHANGE_KINDS.map(
    (kind): Row => [`– ${kind}: median, ms`, (result) => figure(changesOf(result, kind).median)],
  ),
  ['one change: worst, ms', (result) => figure(changesOf(result).worst)],
  ['the bare program, one rule: median, ms', ({ changes }) => figure(bareOf(changes).median)],
  ['the bare program, one rule: worst, ms', ({ changes }) => figure(bareOf(changes).worst)],
  ['one change, that many times the bare program', ({ changes }) => timesBare(changes)],
  ['check of what is as it should be: median, ms', ({ checks }) => figure(msOf(checks).median)],
  ['check of what is as it should be: worst, ms', ({ checks }) => figure(msOf(checks).worst)],
  ['the bare program, printing it: median, ms', ({ checks }) => figure(bareOf(checks).median)],
  ['event loop blocked, from nothing: longest, ms', ({ writes }) => blockedText(writes)],
  ['event loop blocked, change: longest, ms', ({ changes }) => blockedText(changes)],
  ['event loop blocked, check: longest, ms', ({ checks }) => blockedText(checks)],
];

/** What packet rules alone cost, as a person reads it. @throws RangeError where there are no figures. */
export function rulesText(results: readonly RulesResult[]): readonly string[] {
  const [first] = results;
  if (first === undefined) throw new RangeError('no packet rules');
  const { writes, changes, checks } = first;
  return [
    `Packet rules alone: ${spreadTitle(writes.length, 'write')} from nothing, ` +
      `${counted(changes.length, 'change')}, ${counted(checks.length, 'check')}`,
    table(
      ['Services', ...results.map(({ filter, services }) => `${services.toLocaleString('en')}, ${filter}`)],
      ROWS.map(([title, cell]) => [title, ...results.map(cell)]),
      1,
    ),
  ];
}

function changesOf({ changes }: RulesResult, kind?: ChangeKind): Quantiles {
  return msOf(changes.filter(({ change }) => kind === undefined || change === kind));
}

function msOf(timed: readonly { readonly ms: number }[]): Quantiles {
  return quantiles(timed.map(({ ms }) => ms));
}

function bareOf(timed: readonly { readonly bareMs: number }[]): Quantiles {
  return quantiles(timed.map(({ bareMs }) => bareMs));
}

/** The median of the ratios of what was done one after the other. */
function timesBare(pairs: readonly { readonly ms: number; readonly bareMs: number }[]): string {
  return medianText(pairs.map(({ ms, bareMs }) => ms / bareMs));
}

function blockedText(watched: readonly { readonly blockedMs: number }[]): string {
  return figure(quantiles(watched.map(({ blockedMs }) => blockedMs)).worst);
}

function medianText(figures: readonly number[]): string {
  return figure(spread(figures).median);
}

import { resolve } from 'node:path';
import { programSearch } from '../../src/host/program-search.js';
import { SpawnedCommands } from '../../src/host/spawned-commands.js';
import { mustExist } from '../built-program.js';
import { ChildProcesses } from '../child-processes.js';
import { runBenchCommand } from '../command.js';
import { thisMachine } from '../machine.js';
import { measureSize } from './measure-size.js';
import { parseSyncOptions, SYNC_HELP, type SyncOptions } from './options.js';
import type { SizeResult } from './size-result.js';
import { measureRules } from './steering/measure-rules.js';
import { measureSteeredStarts } from './steering/measure-steered-starts.js';
import { whyNoFilter, whyNoNamespaces } from './steering/namespace.js';
import type { PacketFilter } from './steering/packet-filter.js';
import type { RulesResult } from './steering/rules-result.js';
import type { SteeredStarts } from './steering/steered-starts-result.js';
import { type SyncResults, syncReportText } from './sync-report.js';

/** From `build/bench/bench/sync/`, where this file is run. */
const PROGRAM = resolve(import.meta.dirname, '../../../../dist/main.js');

const children = new ChildProcesses();
const runner = new SpawnedCommands();

async function run(options: SyncOptions): Promise<SyncResults> {
  const machine = thisMachine();
  if (!machine.cpuTimes) throw new Error('this bench reads /proc, which only Linux has');
  if (options.only.includes('portals') || options.only.includes('starts')) await mustExist(options.program);
  const { filters, leftOut } = await steerable(options);
  for (const reason of leftOut) process.stderr.write(`left out: ${reason}\n`);
  return {
    machine,
    sizes: options.only.includes('portals') ? await portals(options) : [],
    rules: options.only.includes('rules') ? await rules(options, filters) : [],
    steeredStarts: options.only.includes('starts') ? await steeredStarts(options, filters) : [],
    leftOut,
  };
}

/** The packet filters that can be measured here, and why others can't. */
async function steerable({
  only,
  filters,
}: SyncOptions): Promise<{ readonly filters: readonly PacketFilter[]; readonly leftOut: readonly string[] }> {
  if (!only.includes('rules') && !only.includes('starts')) return { filters: [], leftOut: [] };
  const reason = await whyNoNamespaces(runner, process.getuid?.());
  if (reason !== null) return { filters: [], leftOut: [reason] };
  const find = programSearch(process.env.PATH);
  const reasons = new Map(filters.map((filter) => [filter, whyNoFilter(filter, find)]));
  return {
    filters: filters.filter((filter) => reasons.get(filter) === null),
    leftOut: [...reasons.values()].filter((each) => each !== null),
  };
}

async function portals(options: SyncOptions): Promise<readonly SizeResult[]> {
  const results: SizeResult[] = [];
  for (const services of options.sizes)
    results.push(await measureSize(services, options, children, progressOf(services)));
  return results;
}

async function rules(
  options: SyncOptions,
  filters: readonly PacketFilter[],
): Promise<readonly RulesResult[]> {
  const results: RulesResult[] = [];
  for (const filter of filters) {
    for (const services of options.steeredSizes) {
      const progress = progressOf(services, filter);
      results.push(await measureRules({ filter, services }, options, children, progress));
    }
  }
  return results;
}

async function steeredStarts(
  options: SyncOptions,
  filters: readonly PacketFilter[],
): Promise<readonly SteeredStarts[]> {
  if (filters.length === 0) return [];
  const results: SteeredStarts[] = [];
  for (const services of options.steeredSizes) {
    const what = { filters, services };
    results.push(await measureSteeredStarts(what, options, children, runner, progressOf(services)));
  }
  return results;
}

function progressOf(services: number, filter?: PacketFilter): (what: string) => void {
  const head = `${services.toLocaleString('en')} Services${filter === undefined ? '' : `, ${filter}`}`;
  return (what) => process.stderr.write(`${head}: ${what} …\n`);
}

runBenchCommand(
  {
    help: SYNC_HELP,
    parse: (argv) => parseSyncOptions(argv, PROGRAM),
    run,
    report: syncReportText,
    children,
  },
  process.argv.slice(2),
);

import type { Command } from '../../../src/host/command-runner.js';
import type { ChildProcesses } from '../../child-processes.js';
import { AskedProcess } from '../asked-process.js';
import type { SyncOptions } from '../options.js';
import { IN_NEW_NAMESPACES } from './namespace.js';
import type { PacketFilter } from './packet-filter.js';
import type { Changed, Checked, Loaded, RulesOrder, RulesReady, Written } from './rules-messages.js';
import type { RulesResult } from './rules-result.js';

const READY_MS = 15_000;
/** Far longer than any rules should take, ms. */
const RULES_MS = 120_000;
/** The same for each of many, ms. */
const EACH_MS = 10_000;

/**
 * Packet rules alone, with one filter and so many Services. Every write from nothing is the first one of a process, in a
 * namespace that has never had rules, and so is each load of the bare program; the two take turns, and in going first.
 * `progress` is told what is being done.
 */
export async function measureRules(
  { filter, services }: { readonly filter: PacketFilter; readonly services: number },
  { loads, changes }: Pick<SyncOptions, 'loads' | 'changes'>,
  children: ChildProcesses,
  progress: (what: string) => void,
): Promise<RulesResult> {
  const start = (): Promise<AskedProcess<RulesOrder>> => startRulesProcess(children);
  const writes: RulesResult['writes'][number][] = [];
  let commands: readonly Command[] | undefined;
  for (let round = 1; ; round += 1) {
    progress(`rules from nothing ${round} of ${loads}`);
    const bareFirst = round % 2 === 0 && commands !== undefined ? await bareLoad(start, commands) : null;
    const rules = await start();
    try {
      const order = { kind: 'write', filter, services } as const;
      const { probeMs, ms, blockedMs, ...written } = await rules.ask<Written>(order, 'written', RULES_MS);
      commands = written.commands;
      writes.push({ probeMs, ms, blockedMs, bareMs: bareFirst ?? (await bareLoad(start, commands)) });
      if (round < loads) continue;
      progress('changes of rules');
      const changed = await rules.ask<Changed>(
        { kind: 'change', services: changes },
        'changed',
        RULES_MS + changes * EACH_MS,
      );
      progress('checks of rules');
      const checked = await rules.ask<Checked>(
        { kind: 'check', times: loads },
        'checked',
        RULES_MS + loads * EACH_MS,
      );
      return { filter, services, writes, changes: changed.changes, checks: checked.checks };
    } finally {
      await rules.stop();
    }
  }
}

async function bareLoad(
  start: () => Promise<AskedProcess<RulesOrder>>,
  commands: readonly Command[],
): Promise<number> {
  const bare = await start();
  try {
    return (await bare.ask<Loaded>({ kind: 'load', commands }, 'loaded', RULES_MS)).ms;
  } finally {
    await bare.stop();
  }
}

async function startRulesProcess(children: ChildProcesses): Promise<AskedProcess<RulesOrder>> {
  const module = './steering/rules-process.js';
  const rules = new AskedProcess<RulesOrder>(children, 'rules', module, IN_NEW_NAMESPACES);
  await rules.next<RulesReady>('ready', READY_MS);
  return rules;
}

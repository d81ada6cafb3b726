import type { CommandResult } from '../../../src/host/command-runner.js';
import { parseCommandWords } from './command-words.js';
import { objectionTo } from './kernel-checks.js';
import { listChain } from './list.js';
import { operate } from './operations.js';
import { answered, commandRefused, failed } from './program-words.js';
import { NO_SUCH_NAME, NotImitated, Refusal } from './refusal.js';
import { kernelRefusal, operationContext, type RestoreFlags, restore, type World } from './restore.js';
import type { Table } from './rule.js';
import { TableDraft } from './ruleset.js';
import { isTable, type SaveFrame, savedTable, tablesInOrder } from './save.js';
import { WordReader } from './words.js';

/** Flags that a release knows. */
export interface KnownFlags {
  /** `iptables -C` */
  readonly check: boolean;
  /** `iptables -w` */
  readonly wait: boolean;
  /** `iptables -w 5` */
  readonly waitSeconds: boolean;
  /** `iptables -W 1000` */
  readonly waitInterval: boolean;
  /** `iptables-restore -w 5 -W 1000` */
  readonly restoreWaits: boolean;
}

/** `iptables …` */
export function runIptables(args: readonly string[], world: World, known: KnownFlags): CommandResult {
  const { speaker } = world;
  if (args.length === 1 && (args[0] === '--version' || args[0] === '-V'))
    return answered(`${speaker.banner}\n`);
  try {
    const asked = parseCommandWords(args);
    if (asked.version) return answered(`${speaker.banner}\n`);
    const unknown = unknownFlag(asked, known);
    if (unknown !== null) throw unknown;
    if (asked.command === null) throw new Refusal('usage', 'no command specified');
    const table = asked.table ?? 'filter';
    if (!isTable(table) || world.lacksTable(table)) throw new Refusal('table', table);
    if (asked.command === '-S' || asked.command === '-L') return list(asked.command, table, asked, world);
    change(table, asked, world);
    return answered('');
  } catch (error) {
    if (error instanceof Refusal) return commandRefused(error, speaker);
    throw error;
  }
}

/** What a release says of a flag that came after it (`command_default` of `iptables.c`); null where it knows them all. */
function unknownFlag(
  { command, wait, waitInterval }: ReturnType<typeof parseCommandWords>,
  known: KnownFlags,
): Refusal | null {
  const unknown = (option: string): Refusal =>
    new Refusal('usage', known.check ? `unknown option "${option}"` : `Unknown arg \`${option}'`);
  if (wait !== undefined && !known.wait) return unknown('-w');
  if (typeof wait === 'string' && !known.waitSeconds) return new Refusal('bare', `Bad argument \`${wait}'`);
  if (waitInterval !== undefined && !known.waitInterval) return unknown('-W');
  return command === '-C' && !known.check ? unknown('-C') : null;
}

function change(table: Table, asked: ReturnType<typeof parseCommandWords>, world: World): void {
  const { family, ruleset, kernelLacks } = world;
  const { command, args, rule, counters } = asked;
  if (command === null) return;
  const draft = new TableDraft(table, ruleset.chains(table));
  operate(draft, { command, args, rule, counters }, operationContext(world));
  const chains = draft.finished();
  const objection = objectionTo(table, family, chains, kernelLacks);
  if (objection !== null) throw kernelRefusal(objection);
  if (command !== '-C') ruleset.replace(table, chains);
}

function list(
  command: string,
  table: Table,
  { args, listing }: ReturnType<typeof parseCommandWords>,
  world: World,
): CommandResult {
  const { ruleset, speaker } = world;
  const chains = ruleset.chains(table);
  const [name, number] = args;
  if (number !== undefined) throw new NotImitated(`${command} of one rule`);
  if (name !== undefined && !chains.has(name)) {
    if (speaker.variant === 'legacy') throw new Refusal('rule', NO_SUCH_NAME);
    return failed(
      1,
      `${speaker.banner}: chain \`${name}' in table \`${table}' is incompatible, use 'nft' tool.\n`,
    );
  }
  // In the legacy variant a table that is looked at comes into being.
  if (speaker.variant === 'legacy') ruleset.replace(table, chains);
  const shown = [...chains].filter(([each]) => name === undefined || each === name);
  if (command === '-L')
    return answered(shown.map(([each]) => listChain(each, chains, listing, world.family)).join('\n'));
  if (listing.size > 0) throw new NotImitated(`${command} with ${[...listing].join(', ')}`);
  const declared = shown.map(([each, { policy }]) =>
    policy === null ? `-N ${each}` : `-P ${each} ${policy}`,
  );
  const rules = shown.flatMap(([each, chain]) =>
    chain.rules.map(({ text }) => `-A ${each} ${text}`.trimEnd()),
  );
  return answered([...declared, ...rules, ''].join('\n'));
}

/** `iptables-save …` */
export function runSave(args: readonly string[], world: World, frame: SaveFrame): CommandResult {
  const { ruleset, speaker } = world;
  let counters = false;
  let only: string | null = null;
  for (let index = 0; index < args.length; index += 1) {
    const arg = args[index] ?? '';
    if (arg === '-c' || arg === '--counters') counters = true;
    else if (arg === '-t' || arg === '--table') {
      index += 1;
      only = args[index] ?? '';
    } else if (arg === '-V' || arg === '--version') return answered(`${speaker.banner}\n`);
    else throw new NotImitated(`iptables-save ${args.join(' ')}`);
  }
  if (only === null) {
    const tables = tablesInOrder(ruleset, speaker.variant);
    return answered(tables.map((table) => savedTable(ruleset, table, counters, frame)).join(''));
  }
  if (!isTable(only) || world.lacksTable(only)) {
    const why =
      speaker.variant === 'legacy'
        ? `${speaker.banner}: Cannot initialize: Table does not exist (do you need to insmod?)`
        : `Table \`${only}' does not exist`;
    return failed(1, `${why}\n`);
  }
  if (speaker.variant === 'legacy') ruleset.replace(only, ruleset.chains(only));
  return answered(savedTable(ruleset, only, counters, frame));
}

/** `iptables-restore …` */
export function runRestore(
  args: readonly string[],
  input: string,
  world: World,
  known: KnownFlags,
): CommandResult {
  const { speaker } = world;
  const asked = parseRestoreArgs(args, known.restoreWaits);
  if (asked.version) return answered(`${speaker.banner}\n`);
  // Releases before 1.6.2 told of an option they did not know, and went on.
  const told = asked.unknown.map((option) => unknownOption(speaker.name, option)).join('');
  const [file, ...more] = asked.files;
  if (more.length > 0) return failed(1, `${told}Unknown arguments found on commandline\n`);
  if (file !== undefined) return failed(1, `${told}Can't open ${file}: No such file or directory\n`);
  const result = restore(input, asked, world);
  return { ...result, stderr: `${told}${result.stderr}` };
}

interface RestoreArgs extends RestoreFlags {
  readonly version: boolean;
  readonly unknown: readonly string[];
  readonly files: readonly string[];
}

function parseRestoreArgs(args: readonly string[], waits: boolean): RestoreArgs {
  const flags = { noFlush: false, counters: false, test: false, version: false };
  const [unknown, files]: [string[], string[]] = [[], []];
  let table: string | null = null;
  const words = new WordReader(args);
  for (let arg = words.take(); arg !== undefined; arg = words.take()) {
    const flag = RESTORE_FLAGS[arg];
    if (flag !== undefined) flags[flag] = true;
    else if (arg === '-T' || arg === '--table') table = words.take() ?? '';
    else if (/^(-w|-W|--wait(-interval)?|--wait=\d+)$/.test(arg)) {
      if (!waits) unknown.push(arg);
      else if (!arg.includes('=') && /^\d+$/.test(words.peek() ?? '')) words.take();
    } else if (!arg.startsWith('-')) files.push(arg);
    else throw new NotImitated(`iptables-restore ${args.join(' ')}`);
  }
  return { ...flags, table, unknown, files };
}

const RESTORE_FLAGS: Readonly<Record<string, 'noFlush' | 'counters' | 'test' | 'version'>> = {
  '-n': 'noFlush',
  '--noflush': 'noFlush',
  '-c': 'counters',
  '--counters': 'counters',
  '-t': 'test',
  '--test': 'test',
  '-V': 'version',
  '--version': 'version',
};

function unknownOption(name: string, option: string): string {
  return option.startsWith('--')
    ? `${name}: unrecognized option '${option}'\n`
    : `${name}: invalid option -- '${option.slice(1)}'\n`;
}

import { NotImitated, Refusal } from './refusal.js';
import { WordReader } from './words.js';

/** Long names of the commands of iptables. */
const COMMANDS: ReadonlyMap<string, string> = new Map([
  ['--append', '-A'],
  ['--insert', '-I'],
  ['--delete', '-D'],
  ['--check', '-C'],
  ['--replace', '-R'],
  ['--new-chain', '-N'],
  ['--flush', '-F'],
  ['--zero', '-Z'],
  ['--delete-chain', '-X'],
  ['--policy', '-P'],
  ['--rename-chain', '-E'],
  ['--list-rules', '-S'],
  ['--list', '-L'],
]);

/** How many words each command takes: what must be there, and what may. */
const TAKES: Readonly<Record<string, readonly [number, number]>> = {
  '-A': [1, 1],
  '-I': [1, 2],
  '-D': [1, 2],
  '-C': [1, 1],
  '-R': [2, 2],
  '-N': [1, 1],
  '-F': [0, 1],
  '-Z': [0, 1],
  '-X': [0, 1],
  '-P': [2, 2],
  '-E': [2, 2],
  '-S': [0, 2],
  '-L': [0, 2],
};

/** Options of iptables that say how a list is printed. */
const LISTING: ReadonlyMap<string, string> = new Map([
  ['-n', 'numeric'],
  ['--numeric', 'numeric'],
  ['-v', 'verbose'],
  ['--verbose', 'verbose'],
  ['-x', 'exact'],
  ['--exact', 'exact'],
  ['--line-numbers', 'line numbers'],
]);

/** What a command line of iptables asks for. */
export interface CommandWords {
  readonly table: string | null;
  /** `-A` and its like; null where there is none, and for `--version`. */
  readonly command: string | null;
  readonly args: readonly string[];
  readonly rule: readonly string[];
  readonly counters: { readonly packets: number; readonly bytes: number } | null;
  readonly listing: ReadonlySet<string>;
  readonly version: boolean;
  /** `-w`: seconds, or null where it is given without. Undefined where it is not given. */
  readonly wait?: string | null;
  readonly waitInterval?: string;
}

/** Takes apart what stands behind `iptables`, or on a line of iptables-restore. */
export function parseCommandWords(words: readonly string[]): CommandWords {
  const reader = new WordReader(words);
  const rule: string[] = [];
  const listing = new Set<string>();
  let found: Partial<{ -readonly [Key in keyof CommandWords]: CommandWords[Key] }> = {};
  for (let word = reader.take(); word !== undefined; word = reader.take()) {
    const command = COMMANDS.get(word) ?? word;
    const waiting = /^(?:-w(\d*)|--wait(?:=(\d+))?)$/.exec(word);
    const shown = LISTING.get(word);
    if (TAKES[command] !== undefined) {
      if (found.command !== undefined)
        throw new Refusal('usage', `Cannot use ${command} with ${found.command}`);
      found = { ...found, command, args: takeArgs(command, reader) };
    } else if (word === '-t' || word === '--table') found.table = needed(word, reader);
    else if (waiting !== null) found.wait = secondsOf(waiting[1] || waiting[2], reader);
    else if (word === '-W' || word === '--wait-interval') found.waitInterval = needed(word, reader);
    else if (shown !== undefined) listing.add(shown);
    else if (word === '-V' || word === '--version') found.version = true;
    else if (word === '-c' || word === '--set-counters')
      found.counters = { packets: Number(needed(word, reader)), bytes: Number(needed(word, reader)) };
    else if (/^-[nvx]{2,}[A-Z]?$/.test(word) || /^-[nvx]+L$/.test(word))
      found = bundled(word, found, listing, reader);
    else {
      rule.push(word);
      // What a comment says is no option, whatever it looks like.
      if (word === '--comment') rule.push(needed(word, reader));
    }
  }
  return { table: null, command: null, args: [], counters: null, version: false, ...found, rule, listing };
}

/** `-nvL CHAIN` */
function bundled(
  word: string,
  found: Partial<CommandWords>,
  listing: Set<string>,
  reader: WordReader,
): Partial<CommandWords> {
  for (const letter of word.slice(1).replace(/[A-Z]$/, '')) listing.add(LISTING.get(`-${letter}`) ?? letter);
  const command = `-${word.at(-1)}`;
  if (TAKES[command] === undefined) return found;
  if (found.command !== undefined) throw new Refusal('usage', `Cannot use ${command} with ${found.command}`);
  return { ...found, command, args: takeArgs(command, reader) };
}

function takeArgs(command: string, reader: WordReader): readonly string[] {
  const [least, most] = TAKES[command] ?? [0, 0];
  const args: string[] = [];
  while (args.length < most) {
    const next = reader.peek();
    if (next === undefined || next.startsWith('-') || next === '!') break;
    // The second word of -I and -D is a number, or the beginning of something wrong.
    args.push(needed(command, reader));
  }
  if (args.length < least) {
    const words = `option "${command}" requires an argument`;
    throw new Refusal(
      'usage',
      command === '-P' || command === '-R' ? `${command} requires a chain and more` : words,
    );
  }
  return args;
}

function secondsOf(attached: string | undefined, reader: WordReader): string | null {
  if (attached !== undefined && attached !== '') return attached;
  const next = reader.peek();
  if (next === undefined || next.startsWith('-') || next === '!') return null;
  const seconds = needed('-w', reader);
  if (!/^\d+$/.test(seconds)) throw new Refusal('usage', 'wait seconds not numeric');
  return seconds;
}

function needed(option: string, reader: WordReader): string {
  const value = reader.take();
  if (value === undefined) throw new NotImitated(`${option} without its value`);
  return value;
}

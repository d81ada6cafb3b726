import { basename } from 'node:path';
import type { Command, CommandResult, CommandRunner } from '../../../src/host/command-runner.js';
import type { IPFamily } from '../../../src/model/address.js';
import { KubeSpliceError } from '../../../src/model/errors.js';
import { type KnownFlags, runIptables, runRestore, runSave } from './fake-programs.js';
import { NODE, type NodeTopology } from './node-topology.js';
import { isOneOf } from './one-of.js';
import type { Speaker } from './program-words.js';
import { NotImitated } from './refusal.js';
import type { World } from './restore.js';
import type { MatchName, Table, TargetName, Variant } from './rule.js';
import { Ruleset } from './ruleset.js';
import { savedRules } from './save.js';
import { followPacket, type Outcome, type Packet, tracePacket } from './tracer.js';

/** Names of programs without `-save` and `-restore`, of which a host may have some. */
export const PROGRAM_BASES = [
  'iptables',
  'iptables-legacy',
  'iptables-nft',
  'ip6tables',
  'ip6tables-legacy',
  'ip6tables-nft',
] as const;
export type ProgramBase = (typeof PROGRAM_BASES)[number];

/** What a host has, and has not. */
export interface FakeIptablesOptions {
  /** The release, `1.8.9` where left out: tells which flags are known. */
  readonly release?: string;
  /** What `iptables --version` prints, where it is not what that release prints. */
  readonly versionText?: string;
  /** Which variant the plain names `iptables` and `ip6tables` are; legacy where left out. */
  readonly plain?: Variant;
  /** What is installed; `iptables` and `ip6tables` where left out. */
  readonly installed?: readonly ProgramBase[];
  /** Matches and targets that the kernel does not have: it refuses when a table is committed. */
  readonly kernelLacks?: readonly (MatchName | TargetName)[];
  /** Matches and targets that the programs do not have: they refuse the line. */
  readonly programLacks?: readonly (MatchName | TargetName)[];
  /** Tables that there are none of. */
  readonly missingTables?: readonly { readonly family: IPFamily; readonly table: Table }[];
  /** Programs around iptables that it is run by, and that `find` finds: they take a lock, and nothing else. */
  readonly lockPrograms?: readonly ('perl' | 'flock')[];
  /** What runs every other program. */
  readonly next?: CommandRunner;
}

/** A command that was run, and what came of it. */
export interface RanCommand extends Command {
  /** Without its folder. */
  readonly name: string;
  readonly result: CommandResult;
  /** `perl` or `flock` where one of those held the lock meanwhile. */
  readonly lockedBy: string | null;
}

/** What makes one command fail. */
export interface Failure {
  /** The commands it is meant for: any where left out. */
  readonly program?: RegExp;
  readonly exitCode?: number | null;
  readonly stderr: string;
}

const DIRECTORY = '/usr/sbin';
const DATE = 'Wed Jan  1 00:00:00 2020';

/**
 * iptables with its rules in memory: the programs of both families and both variants, with the words and exit codes of the
 * real ones. What it does not imitate fails the spec: it throws then, and at every command after that, whoever caught it.
 */
export class FakeIptables implements CommandRunner {
  /** Every command that was run, in order. */
  readonly commands: RanCommand[] = [];
  readonly #rulesets = new Map<string, Ruleset>();
  readonly #failures: Failure[] = [];
  #misunderstood: NotImitated | null = null;

  /** @param options may be replaced later: the host changes then. */
  constructor(public options: FakeIptablesOptions = {}) {}

  async run(command: Command): Promise<CommandResult> {
    if (this.#misunderstood !== null) throw this.#misunderstood;
    const { command: inner, lockedBy } = this.#unlocked(command);
    const name = basename(inner.program);
    const program = parseProgram(name);
    if (program === null && this.options.next !== undefined) return this.options.next.run(command);
    if (program === null || !this.#isInstalled(program.base))
      throw new KubeSpliceError('COMMAND_NOT_FOUND', `there is no program "${command.program}"`);
    const result = this.#takeFailure(name) ?? this.#ask(program, inner);
    this.commands.push({ ...inner, name, result, lockedBy });
    return result;
  }

  /** The path of a program that is installed; as `ProgramSearch`. */
  readonly find = (name: string): string | null => {
    if (isOneOf(this.options.lockPrograms ?? [], name)) return `/usr/bin/${name}`;
    const program = parseProgram(name);
    return program !== null && this.#isInstalled(program.base) ? `${DIRECTORY}/${name}` : null;
  };

  /** `/proc/net/ip_tables_names` and its like for IPv6: the tables of the legacy variant. */
  readonly readText = (path: string): string => {
    const families: Readonly<Record<string, IPFamily>> = {
      '/proc/net/ip_tables_names': 'IPv4',
      '/proc/net/ip6_tables_names': 'IPv6',
    };
    const family = families[path];
    if (family === undefined) throw new NotImitated(`the file ${path}`);
    return this.ruleset(family, 'legacy')
      .tables.toReversed()
      .map((table) => `${table}\n`)
      .join('');
  };

  /** The rules of a family; those of the plain programs where no variant is named. */
  ruleset(family: IPFamily, variant: Variant = this.options.plain ?? 'legacy'): Ruleset {
    const key = `${family} ${variant}`;
    let ruleset = this.#rulesets.get(key);
    if (ruleset === undefined) {
      ruleset = new Ruleset();
      this.#rulesets.set(key, ruleset);
    }
    return ruleset;
  }

  /** All rules of a family as iptables-save prints them, without the lines that say when. */
  saved(family: IPFamily, variant: Variant = this.options.plain ?? 'legacy'): string {
    return savedRules(this.ruleset(family, variant), variant);
  }

  /**
   * What somebody else does: the words of a command, such as `iptables -t nat -F OUTPUT`, in which quotes hold a comment
   * together. It is not among `commands`. Fails where the command does.
   */
  async somebody(line: string, input?: string): Promise<string> {
    const [program = '', ...args] = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(
      ([, quoted, bare = '']) => quoted ?? bare,
    );
    const parsed = parseProgram(basename(program));
    if (parsed === null) throw new NotImitated(`the program ${program}`);
    const result = this.#ask(parsed, { program, args, ...(input === undefined ? {} : { input }) });
    if (result.exitCode !== 0) throw new Error(`${line}: ${result.stderr}`);
    return result.stdout;
  }

  /** Where a packet ends up by the rules of its family. */
  trace(packet: Packet, node: NodeTopology = NODE, variant?: Variant): Outcome {
    return tracePacket(this.ruleset(familyOf(packet), variant), packet, node);
  }

  /** As `trace`; the rules that it meets count it, as they would one that is sent. */
  send(packet: Packet, node: NodeTopology = NODE, variant?: Variant): Outcome {
    const { outcome, path } = followPacket(this.ruleset(familyOf(packet), variant), packet, node);
    for (const { rule } of path) {
      rule.packets += 1;
      rule.bytes += PACKET_BYTES;
    }
    return outcome;
  }

  /** The next command, or the next one of that program, changes nothing and answers so. */
  failNext(failure: Failure): void {
    this.#failures.push(failure);
  }

  /** Forgets which commands were run. */
  forgetCommands(): void {
    this.commands.length = 0;
  }

  /** The commands that change rules, or would. */
  get changes(): readonly RanCommand[] {
    return this.commands.filter(
      ({ name, args }) => !name.endsWith('-save') && !args.some((arg) => READING.includes(arg)),
    );
  }

  #takeFailure(name: string): CommandResult | null {
    const index = this.#failures.findIndex(({ program }) => program?.test(name) ?? true);
    const [failure] = index === -1 ? [] : this.#failures.splice(index, 1);
    if (failure === undefined) return null;
    return {
      exitCode: failure.exitCode === undefined ? 1 : failure.exitCode,
      stdout: '',
      stderr: failure.stderr,
    };
  }

  #isInstalled(base: ProgramBase): boolean {
    return (this.options.installed ?? ['iptables', 'ip6tables']).includes(base);
  }

  #ask(program: FakeProgram, { args, input = '' }: Command): CommandResult {
    const world = this.#world(program);
    const known = flagsOf(this.options.release ?? NEWEST);
    try {
      if (program.part === 'save')
        return runSave(args, world, {
          program: `${world.speaker.name} ${this.#version(program)}`,
          date: DATE,
        });
      if (program.part === 'restore') return runRestore(args, input, world, known);
      const isVersion = args.length === 1 && args[0] === '--version';
      const { versionText } = this.options;
      if (isVersion && versionText !== undefined)
        return { exitCode: 0, stdout: `${versionText}\n`, stderr: '' };
      return runIptables(args, world, known);
    } catch (error) {
      if (error instanceof NotImitated) this.#misunderstood = error;
      throw error;
    }
  }

  #world(program: FakeProgram): World {
    const { family } = program;
    const variant = this.#variant(program);
    const { kernelLacks = [], programLacks = [], missingTables = [] } = this.options;
    // The nft variant calls itself as it was called, but for `iptables` itself.
    const isPlain = variant === 'legacy' || program.part === 'command';
    const name = `${isPlain ? program.plain : program.base}${program.suffix}`;
    const speaker: Speaker = { name, variant, banner: `${name} ${this.#version(program)}` };
    return {
      family,
      speaker,
      ruleset: this.ruleset(family, variant),
      kernelLacks: new Set(kernelLacks),
      programLacks: new Set(programLacks),
      lacksTable: (table) =>
        missingTables.some((missing) => missing.family === family && missing.table === table),
    };
  }

  #variant({ base }: FakeProgram): Variant {
    if (base.endsWith('-legacy')) return 'legacy';
    return base.endsWith('-nft') ? 'nft' : (this.options.plain ?? 'legacy');
  }

  /** `v1.8.9 (legacy)`; releases before 1.8.0 know one variant, and don't tell. */
  #version(program: FakeProgram): string {
    const release = this.options.release ?? NEWEST;
    if (!isAtLeast(release, '1.8.0')) return `v${release}`;
    return `v${release} (${this.#variant(program) === 'legacy' ? 'legacy' : 'nf_tables'})`;
  }

  /** The command that a program which takes a lock runs. */
  #unlocked(command: Command): { command: Command; lockedBy: string | null } {
    // `flock` is run by a shell, which becomes the program.
    const words = [command.program, ...(basename(command.program) === 'sh' ? command.args : [])];
    const locker = words
      .map((word) => basename(word))
      .find((word) => isOneOf(this.options.lockPrograms ?? [], word));
    if (locker === undefined) return { command, lockedBy: null };
    const index = command.args.findIndex((arg) => parseProgram(basename(arg)) !== null);
    if (index === -1) throw new NotImitated(`${locker} around something else than iptables`);
    const [program = '', ...args] = command.args.slice(index);
    return { command: { ...command, program, args }, lockedBy: locker };
  }
}

const NEWEST = '1.8.9';

/** A SYN, with its options. */
const PACKET_BYTES = 60;

function familyOf({ destination }: Packet): IPFamily {
  return destination.includes(':') ? 'IPv6' : 'IPv4';
}

const READING = ['--version', '-V', '-S', '--list-rules', '-L', '--list', '-C', '--check', '--test'];

interface FakeProgram {
  readonly base: ProgramBase;
  readonly plain: 'iptables' | 'ip6tables';
  readonly family: IPFamily;
  readonly part: 'command' | 'save' | 'restore';
  /** `-save`, `-restore`, or nothing. */
  readonly suffix: string;
}

function parseProgram(name: string): FakeProgram | null {
  const found = /^((ip6?tables)(?:-legacy|-nft)?)(-save|-restore)?$/.exec(name);
  const base = found?.[1] ?? '';
  if (!isOneOf(PROGRAM_BASES, base)) return null;
  const suffix = found?.[3] ?? '';
  const part = suffix === '-save' ? 'save' : suffix === '-restore' ? 'restore' : 'command';
  const plain = found?.[2] === 'ip6tables' ? 'ip6tables' : 'iptables';
  return { base, plain, family: plain === 'ip6tables' ? 'IPv6' : 'IPv4', part, suffix };
}

/** What came with which release. */
function flagsOf(release: string): KnownFlags {
  return {
    check: isAtLeast(release, '1.4.11'),
    wait: isAtLeast(release, '1.4.20'),
    waitSeconds: isAtLeast(release, '1.4.22'),
    waitInterval: isAtLeast(release, '1.6.1'),
    restoreWaits: isAtLeast(release, '1.6.2'),
  };
}

function isAtLeast(release: string, other: string): boolean {
  const [parts, others] = [release.split('.').map(Number), other.split('.').map(Number)];
  for (const [index, part] of others.entries()) {
    const difference = (parts[index] ?? 0) - part;
    if (difference !== 0) return difference > 0;
  }
  return true;
}

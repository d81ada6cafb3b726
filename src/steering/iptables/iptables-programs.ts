import type { Command, CommandResult, CommandRunner } from '../../host/command-runner.js';
import type { ProgramSearch } from '../../host/program-search.js';
import { KubeSpliceError } from '../../model/errors.js';
import { printable } from '../../model/printable.js';
import { type Release, type Variant, waitFlags } from './release.js';
import { type LockPrograms, underXtablesLock } from './xtables-lock.js';

/** The programs of one variant of iptables for one family. */
export interface IptablesPrograms {
  /** `iptables`, `ip6tables-legacy`, …: as it is called in what is told. */
  readonly name: string;
  readonly main: string;
  readonly save: string;
  readonly restore: string;
  readonly release: Release;
  readonly variant: Variant;
}

/** The beginning of a long answer is enough to see what is wrong. */
const MOST_WORDS = 400;

/** Reads and writes the rules of one family: the only place that knows the flags of these programs. */
export class IptablesCommands {
  readonly #locks: LockPrograms;

  constructor(
    private readonly runner: CommandRunner,
    readonly programs: IptablesPrograms,
    find: ProgramSearch,
  ) {
    this.#locks = { perl: find('perl'), flock: find('flock') };
  }

  /**
   * What iptables-save prints of a table; of all that there are where none is named.
   *
   * @throws KubeSpliceError `STEERING_FAILED` with the program's own words.
   */
  async save(table?: string): Promise<string> {
    const args = table === undefined ? [] : ['-t', table];
    return (await this.#run({ program: this.programs.save, args })).stdout;
  }

  /**
   * As `save`, of every rule that there is in the tables that have rules of ours.
   *
   * @throws KubeSpliceError `STEERING_FAILED` also where some of them can't be printed.
   */
  async saveWhole(table?: string): Promise<string> {
    const text = await this.save(table);
    const fault = faultOfSave(text);
    if (fault !== null) throw new KubeSpliceError('STEERING_FAILED', `${this.programs.name}-save: ${fault}`);
    return text;
  }

  /** The rules of a chain, with what each has counted: `[packets:bytes] -A …`, or `-A … -c packets bytes -j …`. */
  async counted(table: string, chain: string): Promise<string> {
    const { main, save, variant } = this.programs;
    // iptables-nft reads all tables to save one, and to list a chain that chain alone; it has no lock to wait for.
    const command =
      variant === 'nft'
        ? { program: main, args: ['-t', table, '-S', chain, '-v'] }
        : { program: save, args: ['-c', '-t', table] };
    return (await this.#run(command)).stdout;
  }

  /**
   * Changes rules, a table at a time and each of them whole or not at all; what is not named stays.
   *
   * @throws KubeSpliceError `STEERING_FAILED` with the program's own words.
   */
  async restore(input: string): Promise<void> {
    const wait = waitFlags(this.programs.release);
    const command = { program: this.programs.restore, args: ['--noflush', ...(wait ?? [])], input };
    await this.#run(wait === null ? underXtablesLock(command, this.#locks) : command, command);
  }

  /** @param called the program whose words they are, where the command is another one that becomes it. */
  async #run(command: Command, called = command): Promise<CommandResult> {
    let result: CommandResult;
    try {
      result = await this.runner.run(command);
    } catch (error) {
      if (!(error instanceof KubeSpliceError)) throw error;
      throw new KubeSpliceError('STEERING_FAILED', error.message, { cause: error });
    }
    if (result.exitCode === 0) return result;
    const shown = called.program.split('/').at(-1) ?? '';
    const words = wordsOf(result);
    const said = words.startsWith(shown) ? words : `${shown}: ${words}`;
    throw new KubeSpliceError('STEERING_FAILED', `${said}${lineAtFault(result, called.input)}`);
  }
}

/**
 * Why what iptables-save printed, though it says nothing of a failure, is not all the rules that there are: to take it for
 * them would put our jumps in once more each time. iptables-nft prints a comment in place of a table that holds what only
 * `nft` can write (`xtables-save.c`).
 */
function faultOfSave(text: string): string | null {
  const [incompatible] = /^# Table [`'](?:filter|nat)' is incompatible.*$/m.exec(text) ?? [];
  if (incompatible !== undefined) return incompatible.slice('# '.length);
  const [strange] = /^(?![#*:[-]|COMMIT$|\s*$).*$/m.exec(text) ?? [];
  if (strange !== undefined) return `it prints what is no rule: ${printable(strange.slice(0, MOST_WORDS))}`;
  const isWhole = text.match(/^\*/gm)?.length === text.match(/^COMMIT$/gm)?.length;
  return isWhole ? null : 'it ended in the midst of a table';
}

/** What a program that failed says, on one line. */
export function wordsOf({ exitCode, stderr }: CommandResult): string {
  const words = printable(
    stderr
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '' && !line.startsWith('Try `'))
      .join('; '),
  );
  const shown = words.length > MOST_WORDS ? `${words.slice(0, MOST_WORDS)} …` : words;
  if (shown !== '') return shown;
  return exitCode === null ? 'it was ended by a signal' : `it exited with ${exitCode}, and said nothing`;
}

/** iptables names the line by its number, and the rule is what helps. */
function lineAtFault({ stderr }: CommandResult, input: string | undefined): string {
  const [, named] = /\bline:? (\d+)\b/.exec(stderr) ?? [];
  const line = named === undefined ? undefined : input?.split('\n')[Number(named) - 1];
  return line === undefined || line === '' ? '' : ` (${printable(line)})`;
}

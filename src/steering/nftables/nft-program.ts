import type { CommandResult, CommandRunner } from '../../host/command-runner.js';
import { KubeSpliceError } from '../../model/errors.js';
import { printable } from '../../model/printable.js';

/** Enough to see what is wrong; nft shows the command at fault too, which may hold every Service. */
const MOST_WORDS = 400;

/** The program `nft`: the only place that knows its flags. */
export class NftProgram {
  constructor(
    private readonly runner: CommandRunner,
    private readonly program: string,
  ) {}

  /** Its release as it prints it, such as `nft 1.0.6`. */
  async release(): Promise<string> {
    const { stdout } = await this.#run(['--version'], '');
    const [, release] = /\bv?(\d+(?:\.\d+)+)/.exec(stdout) ?? [];
    return release === undefined ? 'nft' : `nft ${release}`;
  }

  /**
   * All of these commands or none of them: one transaction (nft(8), `-f`).
   *
   * @throws KubeSpliceError `STEERING_FAILED` with the program's own words.
   */
  async transact(commands: string): Promise<void> {
    const result = await this.#run(['-f', '-'], commands);
    if (result.exitCode !== 0) throw failure(`nft -f -: ${wordsOf(result)}`);
  }

  /**
   * What `nft -nn list` prints of one thing: numbers instead of names. (Of two in one run nft 1.0 finds the latter only.)
   *
   * @param what such as `table ip kube-splice`.
   * @returns null where it is not there, or nothing can be listed at all.
   * @throws KubeSpliceError `STEERING_FAILED` where the program could not be run.
   */
  async list(what: string): Promise<string | null> {
    const result = await this.#run(['-nn', 'list', ...what.split(' ')], '');
    return result.exitCode === 0 ? result.stdout : null;
  }

  /**
   * The tables that there are, as `table ip NAME`.
   *
   * @throws KubeSpliceError `STEERING_FAILED` with the program's own words.
   */
  async tables(): Promise<readonly string[]> {
    const result = await this.#run(['list', 'tables'], '');
    if (result.exitCode === 0) return result.stdout.split('\n').filter((line) => line !== '');
    // A kernel without nftables has none.
    if (/not supported|Invalid argument/.test(result.stderr)) return [];
    throw failure(`nft list tables: ${wordsOf(result)}`);
  }

  async #run(args: readonly string[], input: string): Promise<CommandResult> {
    try {
      return await this.runner.run({ program: this.program, args, input });
    } catch (error) {
      if (!(error instanceof KubeSpliceError)) throw error;
      throw failure(error.message, error);
    }
  }
}

/** What nft says of what is wrong, on one line: `Error: …` of each fault, without the commands that it shows below. */
function wordsOf({ exitCode, stderr }: CommandResult): string {
  const lines = stderr
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const faults = lines.filter((line) => line.includes('Error:'));
  const words = printable((faults.length > 0 ? faults : lines.slice(0, 3)).join('; '));
  if (words.length > MOST_WORDS) return `${words.slice(0, MOST_WORDS)} …`;
  if (words !== '') return words;
  return exitCode === null ? 'it was ended by a signal' : `it exited with ${exitCode}, and said nothing`;
}

function failure(message: string, cause?: unknown): KubeSpliceError {
  return new KubeSpliceError('STEERING_FAILED', message, { cause });
}

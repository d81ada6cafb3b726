import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { LogFields, Logger } from '../../host/log.js';
import type { RelaySource } from './relay-source.js';

export interface RelayProcessOptions {
  /** The program, `kube-splice-relay`. */
  readonly program: string;
  readonly threads: number;
  readonly logger: Logger;
  /** ms, monotonic. */
  readonly now?: () => number;
  readonly spawn?: typeof spawn;
}

/** A child that ends so soon after its start would do so again: the next start waits. */
const SHORT_LIFE_MS = 1_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;
/** A child whose control socket is closed ends by itself; it is made to when it has not after so long. */
const END_PATIENCE_MS = 1_000;
const LONGEST_LOGGED_LINE = 500;
/** Node's timers fire at once when they are to wait longer. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

interface Child {
  readonly process: ChildProcess;
  readonly startedAt: number;
  /** Resolves when it has ended and nothing of it is left, with its exit code or the signal that ended it. */
  readonly gone: Promise<LogFields>;
}

/**
 * The relay as a child of this process: each connection is a child of its own, which ends with it, on the socket pair that Node
 * makes of file 3. States: none, running. A new one starts only when the old one is gone, and its ports are free.
 */
export class RelayProcess implements RelaySource {
  readonly ownsRelay = true;
  readonly patienceMs = 0;
  readonly #options: RelayProcessOptions;
  readonly #now: () => number;
  #child: Child | undefined;
  /** How many in a row ended soon after their start. */
  #shortLives = 0;

  constructor(options: RelayProcessOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  async connect(): Promise<Socket> {
    await this.ended();
    const process = this.#spawn();
    // A handler from the first turn on: what cannot be started tells so by an event.
    const failed = new Promise<never>((_, reject) => process.once('error', reject));
    failed.catch(() => undefined);
    const gone = new Promise<LogFields>((resolve) => {
      process.once('close', (code, signal) => resolve(signal === null ? { exitCode: code } : { signal }));
    });
    this.#child = { process, startedAt: this.#now(), gone };
    this.#log(process);
    // All of these are missing, whatever their types say, where there were no files for the pipes (EMFILE, ENFILE).
    const { stdio }: Partial<ChildProcess> = process;
    const control = stdio?.[3];
    if (process.pid === undefined || !(control instanceof Socket)) {
      if (control instanceof Socket) control.destroy();
      this.#child = undefined;
      this.#shortLives += 1;
      return failed;
    }
    return control;
  }

  async ended(): Promise<LogFields> {
    const child = this.#child;
    if (child === undefined) return {};
    await this.stop(END_PATIENCE_MS);
    return child.gone;
  }

  pauseMs(): number {
    if (this.#shortLives === 0) return 0;
    return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#shortLives - 1));
  }

  /** How long a child lived tells whether it is well. */
  found(): void {}

  async stop(ms: number): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const timer = setTimeout(() => child.process.kill('SIGKILL'), Math.min(LONGEST_TIMER_MS, ms));
    await child.gone.finally(() => clearTimeout(timer));
    if (this.#child !== child) return;
    this.#child = undefined;
    this.#shortLives = this.#now() - child.startedAt < SHORT_LIFE_MS ? this.#shortLives + 1 : 0;
  }

  /** Where it throws, as Node does for most errors, that is one more life that was short. */
  #spawn(): ChildProcess {
    const { program, threads } = this.#options;
    try {
      return (this.#options.spawn ?? spawn)(program, ['--control-fd', '3', '--threads', `${threads}`], {
        stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
        // A process group of its own: Ctrl-C is for this process, which ends the relay when it has told it what to end.
        detached: true,
      });
    } catch (error) {
      this.#shortLives += 1;
      throw error;
    }
  }

  /** Each line that the relay writes to its standard error becomes a line of the log. */
  #log({ stderr }: Partial<ChildProcess>): void {
    if (stderr === null || stderr === undefined) return;
    const lines = createInterface({ input: stderr });
    lines.on('line', (line) =>
      this.#options.logger.warn('relay', { said: line.slice(0, LONGEST_LOGGED_LINE) }),
    );
  }
}

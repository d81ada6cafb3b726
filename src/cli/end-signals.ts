import type { Logger } from '../host/log.js';

/**
 * The same signal so soon after the first is its echo, ms: `timeout` and `npm run` pass on what the whole process
 * group has received already, and the last state would not be saved.
 */
const ECHO_MS = 200;

/** How long the end may take after a second signal has cut its waits short, ms. */
const HURRIED_END_MS = 2_000;

/** The exit code of an end that a terminal's closing has asked for. */
export const EXIT_CODE_OF_HANG_UP = 129;

/** What a shell calls a process that a signal has ended: 128 and the signal's number (signal(7)). */
const EXIT_CODE_OF_SIGNAL = { SIGHUP: EXIT_CODE_OF_HANG_UP, SIGINT: 130, SIGTERM: 143 } as const;

type EndSignal = keyof typeof EXIT_CODE_OF_SIGNAL;

/** What is needed of the process. */
export interface SignalledProcess {
  on(signal: EndSignal, handler: () => void): unknown;
  exit(code: number): void;
}

/**
 * SIGTERM and SIGINT:
 *
 *     running ──first──▶ ending ──second──▶ hurried ──third──▶ exit
 *
 * The second one cuts short what the end waits for, where somebody has said by `onHurry` how; else, and where that takes too
 * long, the process exits there and then.
 */
export class EndSignals {
  readonly #asked = new AbortController();
  readonly #process: SignalledProcess;
  readonly #logger: Logger;
  readonly #now: () => number;
  #first: { readonly name: EndSignal; readonly at: number } | undefined;
  #hurry: (() => void) | undefined;
  #hurriedBy: EndSignal | undefined;

  /** @param now ms, monotonic. */
  constructor(logger: Logger, process: SignalledProcess, now: () => number = () => performance.now()) {
    this.#logger = logger;
    this.#process = process;
    this.#now = now;
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => this.ask(name));
  }

  /** What a signal does: a SIGHUP that means an end, too, which is for others to know. */
  ask(name: EndSignal): void {
    if (this.#first === undefined) {
      this.#first = { name, at: this.#now() };
      this.#logger.info(`${name} received; a second one ends at once`);
      this.#asked.abort();
      return;
    }
    if (this.#first.name === name && this.#now() - this.#first.at < ECHO_MS) return;
    const exit = () => this.#process.exit(EXIT_CODE_OF_SIGNAL[name]);
    if (this.#hurry === undefined || this.#hurriedBy !== undefined) {
      exit();
      return;
    }
    this.#hurriedBy = name;
    setTimeout(exit, HURRIED_END_MS).unref();
    this.#logger.info(`${name} received: what is open is cut`);
    this.#hurry();
  }

  /** Aborted by the first signal. */
  get asked(): AbortSignal {
    return this.#asked.signal;
  }

  /** From now on a second signal calls this, once, and the process may end in order. */
  onHurry(hurry: () => void): void {
    this.#hurry = hurry;
  }

  /** 0; where a terminal was closed, or a second signal has come, what a shell calls a process that it has ended. */
  get exitCode(): number {
    if (this.#first?.name === 'SIGHUP') return EXIT_CODE_OF_HANG_UP;
    return this.#hurriedBy === undefined ? 0 : EXIT_CODE_OF_SIGNAL[this.#hurriedBy];
  }
}

import type { LogFields, Logger } from '../host/log.js';

/** What is needed of the process. */
export interface SignalReceiver {
  on(signal: NodeJS.Signals, handler: () => void): unknown;
}

/**
 * Something that is done at each signal of a kind, one run at a time: signals that come meanwhile make one more run. From the
 * moment that it is made, the signal no longer does what the system or Node does with it; what it asks for before `begin` is
 * done then.
 */
export class SignalledAction {
  readonly #signal: NodeJS.Signals;
  readonly #logger: Logger;
  #act: (() => Promise<void>) | undefined;
  #isDue = false;
  #isRunning = false;

  constructor(signal: NodeJS.Signals, receiver: SignalReceiver, logger: Logger) {
    this.#signal = signal;
    this.#logger = logger;
    receiver.on(signal, () => {
      this.#isDue = true;
      void this.#run();
    });
  }

  begin(act: () => Promise<void>): void {
    this.#act = act;
    void this.#run();
  }

  /** From now on the signal does nothing. */
  end(): void {
    this.#act = undefined;
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    while (this.#isDue && this.#act !== undefined) {
      this.#isDue = false;
      await this.#act().catch((error: unknown) => this.#tell(error));
    }
    this.#isRunning = false;
  }

  #tell(error: unknown): void {
    const fields: LogFields = { error: error instanceof Error ? error.message : String(error) };
    this.#logger.error(`what ${this.#signal} asks for failed`, fields);
  }
}

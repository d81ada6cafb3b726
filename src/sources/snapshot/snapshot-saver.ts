import { KubeSpliceError } from '../../model/errors.js';
import type { ServiceState } from '../../model/service-state.js';

/** How often states are saved, in milliseconds. */
export interface SavingPace {
  /** At the earliest so long after the first change that is not saved: changes come in bursts. */
  readonly delayMs: number;
  /** Between the beginnings of two saves, at least. */
  readonly intervalMs: number;
  /** How long `stop` waits for the last save, at most. */
  readonly stopMs: number;
}

export interface SnapshotSaverOptions extends SavingPace {
  /** Saves one state; ends early, with an error, when the signal says so. */
  readonly save: (state: ServiceState, signal: AbortSignal) => Promise<void>;
  /** Is told why a state was not saved. */
  readonly failed: (error: unknown) => void;
  /** Milliseconds that only ever grow, from any beginning. */
  readonly now: () => number;
}

/**
 * Decides when a state is saved: one at a time, the newest only. One that could not be saved is tried again, at the
 * same pace.
 */
export class SnapshotSaver {
  readonly #options: SnapshotSaverOptions;
  readonly #stopping = new AbortController();
  /** The newest state, where it is not on disk and nobody is about to put it there. */
  #unsaved: ServiceState | undefined;
  #timer: NodeJS.Timeout | undefined;
  #saving: Promise<void> | undefined;
  #lastBegan = Number.NEGATIVE_INFINITY;
  #stopped: Promise<void> | undefined;

  constructor(options: SnapshotSaverOptions) {
    this.#options = options;
  }

  /** Takes the newest state, to be saved soon. */
  offer(state: ServiceState): void {
    this.#unsaved = state;
    this.#schedule();
  }

  /** Saves what is not saved yet, and ends. It never rejects. */
  stop(): Promise<void> {
    this.#stopped ??= this.#saveLast();
    return this.#stopped;
  }

  #schedule(): void {
    if (this.#stopped !== undefined || this.#unsaved === undefined) return;
    if (this.#timer !== undefined || this.#saving !== undefined) return;
    const { delayMs, intervalMs, now } = this.#options;
    const wait = Math.max(delayMs, this.#lastBegan + intervalMs - now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#saving = this.#save().finally(() => {
        this.#saving = undefined;
        this.#schedule();
      });
    }, wait);
  }

  async #save(): Promise<void> {
    const { save, failed, now } = this.#options;
    const state = this.#unsaved;
    if (state === undefined) return;
    this.#unsaved = undefined;
    this.#lastBegan = now();
    try {
      await save(state, this.#stopping.signal);
    } catch (error) {
      this.#unsaved ??= state;
      if (!this.#stopping.signal.aborted) failed(error);
    }
  }

  async #saveLast(): Promise<void> {
    clearTimeout(this.#timer);
    const last = (this.#saving ?? Promise.resolve()).then(() => this.#save());
    // A disk that hangs may hold up a save for ever, and no signal reaches it: it is left behind.
    const inTime = await settlesWithin(last, this.#options.stopMs);
    this.#stopping.abort();
    if (!inTime) this.#options.failed(tooSlow(this.#options.stopMs));
  }
}

async function settlesWithin(work: Promise<void>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  const inTime = await Promise.race([work.then(() => true), limit]);
  clearTimeout(timer);
  return inTime;
}

function tooSlow(ms: number): KubeSpliceError {
  return new KubeSpliceError('SNAPSHOT_UNWRITABLE', `the last state could not be saved within ${ms} ms`);
}

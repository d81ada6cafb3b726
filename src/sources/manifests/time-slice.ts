import { setImmediate } from 'node:timers/promises';

/**
 * Long work cut into slices, between which whatever else the process has to do gets its turn: the portable relay
 * shares this thread.
 */
export class TimeSlice {
  readonly #now: () => number;
  readonly #lengthMs: number;
  readonly #signal: AbortSignal;
  #endsAt: number;

  /**
   * @param now milliseconds, from any beginning.
   * @param signal ends the work: `pass` throws from then on.
   */
  constructor(now: () => number, signal: AbortSignal, lengthMs = 8) {
    this.#now = now;
    this.#lengthMs = lengthMs;
    this.#signal = signal;
    this.#endsAt = now() + lengthMs;
  }

  /** True when it is time to `pass`. Cheap enough to be asked often. */
  get over(): boolean {
    return this.#now() >= this.#endsAt;
  }

  /**
   * Lets everything else have its turn, and begins the next slice.
   *
   * @throws AbortError where the work is not wanted any more.
   */
  async pass(): Promise<void> {
    await setImmediate(undefined, { signal: this.#signal });
    this.#endsAt = this.#now() + this.#lengthMs;
  }
}

import { DIAL_TIME_BOUNDS_MS, type DialTimes } from '../engine.js';
import { NO_DIALS } from '../no-traffic.js';

/** Counts how long dials took. */
export class DialTimeCounts {
  /** Made with the first one: with thousands of service ports most never dial. */
  #counts: number[] | undefined;
  #sumMs = 0;

  add(ms: number): void {
    this.#counts ??= [...NO_DIALS.counts];
    const bound = DIAL_TIME_BOUNDS_MS.findIndex((most) => ms <= most);
    const index = bound === -1 ? DIAL_TIME_BOUNDS_MS.length : bound;
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#sumMs += ms;
  }

  /** A copy. */
  snapshot(): DialTimes {
    return this.#counts === undefined ? NO_DIALS : { counts: [...this.#counts], sumMs: this.#sumMs };
  }
}

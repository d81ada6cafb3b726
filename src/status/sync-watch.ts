import type { SyncProgress } from '../proxier/proxy-view.js';

/**
 * Tells whether the syncs come on. They do while none is under way, however long ago the last one was, and while one is that
 * has not taken too long; whether it ends well or fails is another matter (`assessHealth`), which no restart would mend. It
 * takes monotonic time, and sees a sync begin when it is first asked while that one is under way: the clock of the host may
 * be set meanwhile.
 */
export class SyncWatch {
  /** How many had ended before the one that was under way; -1 where none was. */
  #ended = -1;
  #since = 0;

  /** @param patienceMs a sync that takes so long, ms, is stuck. */
  constructor(private readonly patienceMs: number) {}

  /**
   * To be asked again and again.
   *
   * @param now ms, monotonic.
   */
  isStuck({ begun, succeeded, failed }: SyncProgress, now: number): boolean {
    const ended = succeeded + failed;
    if (begun > ended && ended === this.#ended) return now - this.#since >= this.patienceMs;
    // At rest, or another one is under way: its time begins now.
    this.#ended = begun > ended ? ended : -1;
    this.#since = now;
    return false;
  }
}

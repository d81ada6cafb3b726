/** How long nothing more is told of a limit that is reached again and again, ms. */
const TELL_AGAIN_MS = 60_000;

/** How many connections may be open, of one portal or of all, and how many are. */
export class ConnectionLimit {
  #limit = Number.POSITIVE_INFINITY;
  #used = 0;
  #tellNotBefore = Number.NEGATIVE_INFINITY;

  /** @param limit as for `set`. */
  constructor(limit?: number) {
    this.set(limit);
  }

  /** 0, or left out, is no limit. What is open goes on, and counts. */
  set(limit = 0): void {
    this.#limit = limit === 0 ? Number.POSITIVE_INFINITY : limit;
  }

  get limit(): number {
    return this.#limit;
  }

  get hasRoom(): boolean {
    return this.#used < this.#limit;
  }

  take(): void {
    this.#used += 1;
  }

  give(): void {
    this.#used -= 1;
  }

  /**
   * Calls `tell` where somebody is to be told that the limit is reached: once a minute at most. With few places it is reached, and
   * left, with every connection.
   *
   * @param nowMs of a monotonic clock.
   */
  reached(nowMs: number, tell: () => void): void {
    if (nowMs < this.#tellNotBefore) return;
    this.#tellNotBefore = nowMs + TELL_AGAIN_MS;
    tell();
  }
}

/** How long a file has to rest before it is read, in milliseconds: writers pause for less than that. */
export const SETTLE_MS = 50;

/** How long a file has to be away before it counts as gone, in milliseconds: some editors delete, then write anew. */
export const ABSENCE_MS = 100;

/** Watches something until it has looked the same for long enough. */
export class Settling {
  #look: string | undefined;
  #since = 0;

  /** @param now milliseconds, from any beginning. */
  isSettled(look: string, now: number, settleMs: number): boolean {
    if (look === this.#look) return now - this.#since >= settleMs;
    this.#look = look;
    this.#since = now;
    return false;
  }

  /** Begins anew. */
  forget(): void {
    this.#look = undefined;
  }
}

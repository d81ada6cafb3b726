import type { KubeSpliceError } from '../../model/errors.js';
import { ApiStatusError } from './access/api-status-error.js';

/** The bounds that client-go's reflector has, ms. */
const SHORTEST_MS = 800;
const LONGEST_MS = 30_000;

/** The longest wait that a server may ask for with `Retry-After`, ms. */
const LONGEST_RETRY_AFTER_MS = 5 * 60_000;

/**
 * How long to wait before the next try: 0.8 to 1.6 s after the first failure, twice that after each further one, 15 to
 * 30 s in the end. Where in between is chance, so that the nodes of a cluster do not come back all at once.
 */
export class Backoff {
  readonly #random: () => number;
  #failures = 0;

  /** @param random uniform in [0, 1). */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** The wait after one more failure, ms. */
  next(): number {
    const longest = Math.min(LONGEST_MS, 2 * SHORTEST_MS * 2 ** this.#failures);
    if (longest < LONGEST_MS) this.#failures += 1;
    return (longest / 2) * (1 + this.#random());
  }

  /**
   * The wait after this failure, ms: what the server asks for (`Retry-After`), at most five minutes, and a little later
   * by chance, for not all that were turned away are to come back in the same moment. Less than 0.8 s, obeyed over and
   * over, would be an attack.
   */
  after(error: KubeSpliceError): number {
    const own = this.next();
    const asked = error instanceof ApiStatusError ? error.retryAfterMs : null;
    if (asked === null || asked < SHORTEST_MS) return own;
    return Math.min(LONGEST_RETRY_AFTER_MS, asked) * (1 + 0.1 * this.#random());
  }

  /** After a success: the next failure is a first one again. */
  reset(): void {
    this.#failures = 0;
  }
}

/** The bounds that client-go's reflector has, ms. */
const SHORTEST_MS = 800;
const LONGEST_MS = 30_000;

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

  /** After a success: the next failure is a first one again. */
  reset(): void {
    this.#failures = 0;
  }
}

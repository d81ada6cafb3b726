export interface RefreshedOptions {
  /** How long a value is used before it is fetched anew, ms; `Infinity` where only `drop` ends that. */
  readonly maxAgeMs: number;
  /** Milliseconds from any beginning. */
  readonly now: () => number;
}

/**
 * A value that is fetched when it is first asked for, and anew when it has become old. What was good stays in use
 * where fetching it anew fails: a file that is just being replaced costs nothing. Whoever asks meanwhile shares the
 * one fetch.
 */
export class Refreshed<T> {
  readonly #fetch: () => Promise<T>;
  readonly #options: RefreshedOptions;
  #held: { readonly value: T; readonly at: number } | null = null;
  #fetching: Promise<T> | null = null;

  constructor(fetch: () => Promise<T>, options: RefreshedOptions) {
    this.#fetch = fetch;
    this.#options = options;
  }

  /** The value. Rejects as the fetch does, where there has never been one. */
  async value(): Promise<T> {
    if (this.#held !== null && this.#isFresh(this.#held.at)) return this.#held.value;
    this.#fetching ??= this.#refresh().finally(() => {
      this.#fetching = null;
    });
    return await this.#fetching;
  }

  /** The next call of `value` fetches. */
  drop(): void {
    if (this.#held !== null) this.#held = { value: this.#held.value, at: Number.NEGATIVE_INFINITY };
  }

  /** A clock that was set back says nothing of the age. */
  #isFresh(at: number): boolean {
    const ageMs = this.#options.now() - at;
    return ageMs >= 0 && ageMs < this.#options.maxAgeMs;
  }

  async #refresh(): Promise<T> {
    let value: T;
    try {
      value = await this.#fetch();
    } catch (error) {
      if (this.#held === null) throw error;
      value = this.#held.value;
    }
    this.#held = { value, at: this.#options.now() };
    return value;
  }
}

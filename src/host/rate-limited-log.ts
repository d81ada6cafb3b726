import type { LogFields, Logger } from './log.js';

export interface RateLimitedLogOptions {
  /** Lines of one key that are written at once before the limit sets in. */
  readonly burst: number;
  /** Milliseconds in which one more line of the key may be written. */
  readonly intervalMs: number;
  /** Keys that are remembered; the one that was silent longest makes room. */
  readonly maxKeys: number;
  /** Milliseconds, from any beginning. */
  readonly now: () => number;
}

interface Key {
  /** Lines that may be written now; a fraction is on its way to the next one. */
  readonly allowance: number;
  readonly countedAt: number;
  /** Lines held back since the last one that was written. */
  readonly heldBack: number;
  readonly message: string;
}

/**
 * Warnings that may come in thousands, such as those of failing connections: of each key a burst, then one in each
 * interval, with the number of those held back as its field `more`. Nothing is held back without being counted.
 */
export class RateLimitedLog {
  readonly #log: Logger;
  readonly #options: RateLimitedLogOptions;
  /** The key that was silent longest first. */
  readonly #keys = new Map<string, Key>();

  constructor(log: Logger, options: RateLimitedLogOptions) {
    this.#log = log;
    this.#options = options;
  }

  /** Writes the warning, or counts it where its key has had its share. */
  warn(key: string, message: string, fields: LogFields = {}): void {
    const { heldBack, allowance, countedAt } = this.#refilled(key);
    this.#keys.delete(key);
    if (allowance < 1) {
      this.#keys.set(key, { allowance, countedAt, heldBack: heldBack + 1, message });
      return;
    }
    this.#makeRoom();
    this.#keys.set(key, { allowance: allowance - 1, countedAt, heldBack: 0, message });
    this.#log.warn(message, heldBack > 0 ? { ...fields, more: heldBack } : fields);
  }

  /** Writes how many lines of each key are held back still: for the end, and from time to time. */
  flush(): void {
    for (const [name, key] of this.#keys) {
      this.#tellHeldBack(key);
      this.#keys.set(name, { ...key, heldBack: 0 });
    }
  }

  #refilled(name: string): Omit<Key, 'message'> {
    const { burst, intervalMs, now } = this.#options;
    const countedAt = now();
    const key = this.#keys.get(name);
    if (key === undefined) return { allowance: burst, countedAt, heldBack: 0 };
    // A clock that was set back gives nothing, and takes nothing.
    const elapsed = Math.max(0, countedAt - key.countedAt);
    const allowance = Math.min(burst, key.allowance + elapsed / intervalMs);
    return { allowance, countedAt, heldBack: key.heldBack };
  }

  #makeRoom(): void {
    const [oldest] = this.#keys;
    if (oldest === undefined || this.#keys.size < this.#options.maxKeys) return;
    const [name, key] = oldest;
    this.#keys.delete(name);
    this.#tellHeldBack(key);
  }

  #tellHeldBack({ heldBack, message }: Key): void {
    if (heldBack > 0) this.#log.warn(`${message} (and others like it)`, { more: heldBack });
  }
}

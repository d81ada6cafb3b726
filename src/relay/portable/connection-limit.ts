/** How many connections may be open, of one portal or of all, and how many are. */
export class ConnectionLimit {
  #limit = Number.POSITIVE_INFINITY;
  #used = 0;
  #wasTold = false;

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
    if (this.#used * 2 <= this.#limit) this.#wasTold = false;
  }

  /** Calls `tell` where it is news that the limit is reached: once, until half of it is free. */
  reached(tell: () => void): void {
    if (this.#wasTold) return;
    this.#wasTold = true;
    tell();
  }
}

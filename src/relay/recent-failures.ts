import type { RelayFailure, RelayObserver } from './engine.js';
import { PassingObserver } from './passing-observer.js';

/** A failure, and when it was told. */
export interface RecentFailure {
  readonly failure: RelayFailure;
  /** ms since the epoch. */
  readonly at: number;
}

/** Enough to see what goes wrong now. */
const KEPT = 10;

/** Keeps the last failures that a relay has told of, whatever their number before was, and passes everything on. */
export class RecentFailures extends PassingObserver {
  readonly #now: () => number;
  readonly #kept: RecentFailure[] = [];

  /** @param now ms since the epoch. */
  constructor(next: RelayObserver, now: () => number) {
    super(next);
    this.#now = now;
  }

  /** The oldest first. */
  get failures(): readonly RecentFailure[] {
    return [...this.#kept];
  }

  override failure(failure: RelayFailure): void {
    if (this.#kept.push({ failure, at: this.#now() }) > KEPT) this.#kept.shift();
    super.failure(failure);
  }
}

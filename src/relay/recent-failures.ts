import type { ServicePortName } from '../model/service-port.js';
import type { RelayFailure, RelayObserver } from './engine.js';

/** A failure, and when it was told. */
export interface RecentFailure {
  readonly failure: RelayFailure;
  /** ms since the epoch. */
  readonly at: number;
}

/** Enough to see what goes wrong now. */
const KEPT = 10;

/** Keeps the last failures that a relay has told of, whatever their number before was, and passes everything on. */
export class RecentFailures implements RelayObserver {
  readonly #next: RelayObserver;
  readonly #now: () => number;
  readonly #kept: RecentFailure[] = [];

  /** @param now ms since the epoch. */
  constructor(next: RelayObserver, now: () => number) {
    this.#next = next;
    this.#now = now;
  }

  /** The oldest first. */
  get failures(): readonly RecentFailure[] {
    return [...this.#kept];
  }

  failure(failure: RelayFailure): void {
    if (this.#kept.push({ failure, at: this.#now() }) > KEPT) this.#kept.shift();
    this.#next.failure(failure);
  }

  filesExhausted(limit: number): void {
    this.#next.filesExhausted(limit);
  }

  filesAvailable(): void {
    this.#next.filesAvailable();
  }

  udpSessionsExhausted(limit: number): void {
    this.#next.udpSessionsExhausted(limit);
  }

  connectionsExhausted(name: ServicePortName | null, limit: number): void {
    this.#next.connectionsExhausted(name, limit);
  }
}

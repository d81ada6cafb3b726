import type { ServicePortName } from '../model/service-port.js';
import type { RelayFailure, RelayObserver } from './engine.js';
import { PassingObserver } from './passing-observer.js';

/** A failure, and when it was told. */
export interface RecentFailure {
  readonly failure: RelayFailure;
  /** ms since the epoch. */
  readonly at: number;
}

/** Enough to see what goes wrong now: in all, and of each portal. */
const KEPT = 10;
const KEPT_OF_PORTAL = 5;

/** Portals that failures of their own are kept of: those that failed last. */
const PORTALS = 1_000;

/** Keeps the last failures that a relay has told of, whatever their number before was, and passes everything on. */
export class RecentFailures extends PassingObserver {
  readonly #now: () => number;
  readonly #kept: RecentFailure[] = [];
  /** The portal that failed longest ago first. */
  readonly #ofPortal = new Map<ServicePortName, readonly RecentFailure[]>();

  /** @param now ms since the epoch. */
  constructor(next: RelayObserver, now: () => number) {
    super(next);
    this.#now = now;
  }

  /** The oldest first. */
  get failures(): readonly RecentFailure[] {
    return [...this.#kept];
  }

  /** Those of one portal, by the relay's name of it; the oldest first. */
  of(portal: ServicePortName): readonly RecentFailure[] {
    return this.#ofPortal.get(portal) ?? [];
  }

  override failure(failure: RelayFailure): void {
    const recent = { failure, at: this.#now() };
    if (this.#kept.push(recent) > KEPT) this.#kept.shift();
    const { name } = failure;
    const before = this.of(name).slice(1 - KEPT_OF_PORTAL);
    this.#ofPortal.delete(name);
    this.#ofPortal.set(name, [...before, recent]);
    for (const oldest of this.#ofPortal.keys()) {
      if (this.#ofPortal.size <= PORTALS) break;
      this.#ofPortal.delete(oldest);
    }
    super.failure(failure);
  }
}

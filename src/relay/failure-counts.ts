import type { ServicePortName } from '../model/service-port.js';
import type { FailureReason, RelayFailure } from './engine.js';
import { PassingObserver } from './passing-observer.js';

/** Far more than have failures at a time: those of portals that are gone go first. */
const MOST_PORTALS = 65_536;

/** Counts by portal and reason what a relay tells of failures, and passes everything on. What it had no time to tell is not in it. */
export class FailureCounts extends PassingObserver {
  /** The portal that failed longest ago first. */
  readonly #counts = new Map<ServicePortName, Map<FailureReason, number>>();

  /** Of one portal, by the name that the relay knows it by; only reasons that there were. */
  of(portal: ServicePortName): ReadonlyMap<FailureReason, number> {
    return this.#counts.get(portal) ?? NONE;
  }

  override failure(failure: RelayFailure): void {
    this.#count(failure);
    super.failure(failure);
  }

  #count({ name, reason }: RelayFailure): void {
    const counts = this.#counts.get(name) ?? new Map<FailureReason, number>();
    counts.set(reason, (counts.get(reason) ?? 0) + 1);
    this.#counts.delete(name);
    this.#counts.set(name, counts);
    if (this.#counts.size <= MOST_PORTALS) return;
    const [oldest] = this.#counts.keys();
    if (oldest !== undefined) this.#counts.delete(oldest);
  }
}

const NONE: ReadonlyMap<FailureReason, number> = new Map();

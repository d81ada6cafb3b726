import type { RelayFailure, RelayObserver } from '../engine.js';
import type { Traffic } from './traffic.js';

/** Counts a failure, and tells of it: what is told and what is counted are the same. */
export function tellFailure(
  { traffic, observer }: { readonly traffic: Traffic; readonly observer: RelayObserver },
  failure: RelayFailure,
): void {
  traffic.failed(failure.reason);
  observer.failure(failure);
}

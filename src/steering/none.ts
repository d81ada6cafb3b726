import type { KubeSpliceError } from '../model/errors.js';
import type { PastRedirect, RefusedTraffic, Steering, SteeringCheck, SteeringState } from './steering.js';

/** No packet rules: clients connect to the portals themselves, and no privilege is needed. */
export class NoSteering implements Steering {
  readonly kind = 'none';

  apply(_state: SteeringState, _check: SteeringCheck): Promise<readonly KubeSpliceError[]> {
    return Promise.resolve([]);
  }

  past(): Promise<readonly PastRedirect[]> {
    return Promise.resolve([]);
  }

  rulesOf(): readonly string[] {
    return [];
  }

  ruleCounts(): ReadonlyMap<string, number> {
    return new Map();
  }

  steers(): Promise<boolean> {
    return Promise.resolve(false);
  }

  refused(): Promise<RefusedTraffic | null> {
    return Promise.resolve(null);
  }

  remove(): Promise<void> {
    return Promise.resolve();
  }
}

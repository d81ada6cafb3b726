import type { Redirect, Steering } from './steering.js';

/** No packet rules: clients connect to the portals themselves, and no privilege is needed. */
export class NoSteering implements Steering {
  readonly kind = 'none';

  apply(_redirects: readonly Redirect[]): Promise<void> {
    return Promise.resolve();
  }
}

import type { MeasurementName } from './measurements.js';
import type { Addresses } from './services.js';

/**
 * A way from the client to the endpoints: none at all, or a program in between that is measured. A new one is a file in
 * `peers/`, and a line in `peers/selected.ts`.
 */
export interface Peer {
  /** The table's word for it. */
  readonly name: string;
  /** Measurements that it takes no part in. */
  readonly leavesOut?: readonly MeasurementName[];
  /** Why it cannot be started here, where that is known before; null where it can. */
  missing?(): Promise<string | null>;
  /** Version and settings, for the results. */
  described?(): Promise<string>;
  /**
   * Stands in front of the endpoints. Resolves when every service can be reached through it.
   *
   * @throws Error that says what is missing and what to do about it. Nothing is left running then.
   */
  start(endpoints: Addresses): Promise<RunningPeer>;
}

export interface RunningPeer {
  /** Where the client is to connect. */
  readonly addresses: Addresses;
  /** Every process whose CPU and memory are this peer's, workers included; none for a direct connection. */
  readonly pids: readonly number[];
  /** Resolves when all its processes have ended. */
  stop(): Promise<void>;
}

import type { Socket } from 'node:net';
import type { LogFields } from '../../host/log.js';

/** Where connections to a relay come from: a child of this process, or a socket that a relay of its own life listens on. */
export interface RelaySource {
  /** True where the relay ends with this process, and is told to shut down. */
  readonly ownsRelay: boolean;
  /** For how long the first connection is tried, ms; 0 is once. */
  readonly patienceMs: number;

  /** A new connection. Rejects where there is none to be had now. The socket is the caller's. */
  connect(): Promise<Socket>;

  /** After a connection has ended: waits until what belonged to it is gone, and says what is known of why. */
  ended(): Promise<LogFields>;

  /** How long to wait before the next `connect()`, ms; called once before each but the first. */
  pauseMs(): number;

  /** The relay of the last connection has everything that it is to have: the next loss is a new one. */
  found(): void;

  /** Waits until the relay has ended, which is made to after `ms`. A relay that this process does not own is left alone. */
  stop(ms: number): Promise<void>;
}

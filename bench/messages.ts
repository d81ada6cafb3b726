import type { Load } from './loads/load.js';
import type { Addresses } from './services.js';

/** What the bench asks its client process for; one at a time. */
export type Order =
  | {
      readonly kind: 'measure';
      readonly load: Load;
      readonly at: Addresses;
      /** ms before the window, for everything on the way to be open, filled and compiled. */
      readonly warmUpMs: number;
      readonly windowMs: number;
      /** Whose CPU counts as the peer's. */
      readonly pids: readonly number[];
    }
  | {
      readonly kind: 'hold-idle';
      readonly connections: number;
      readonly at: Addresses;
      /** Whose memory is read. */
      readonly pids: readonly number[];
    };

/** What happened within one window, all of it read at its two ends by the client process. */
export interface Measured {
  readonly kind: 'measured';
  readonly done: number;
  readonly lost: number;
  readonly seconds: number;
  /** Null where the peer has no process of its own, or the system does not tell. */
  readonly peerCpuMs: number | null;
  readonly machineCpuMs: number | null;
}

export interface HeldIdle {
  readonly kind: 'held-idle';
  readonly bytesPerConnection: number | null;
}

export interface Failed {
  readonly kind: 'failed';
  readonly message: string;
}

export type Answer = Measured | HeldIdle | Failed;

/** The endpoint process, once, when everything can be reached. */
export interface Listening {
  readonly kind: 'listening';
  readonly addresses: Addresses;
}

/** Which message a child or its parent sent; both are of the same build, so the kind says the rest. */
export function isMessage<M extends { readonly kind: string }>(
  message: unknown,
  kinds: readonly M['kind'][],
): message is M {
  if (typeof message !== 'object' || message === null || !('kind' in message)) return false;
  const { kind } = message;
  return kinds.some((known) => known === kind);
}

/** µs from the moment at which a request was due to its answer; by nearest rank. */
export interface Latency {
  /** How many requests were due within the window. */
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

/** What happened within one window, all of it read at its two ends by the load program. */
export interface Measured {
  readonly kind: 'measured';
  readonly done: number;
  readonly lost: number;
  readonly seconds: number;
  /** Null where the peer has no process of its own. */
  readonly peerCpuMs: number | null;
  readonly machineCpuMs: number | null;
  /** Where the load measures it. */
  readonly latency?: Latency;
}

export interface HeldIdle {
  readonly kind: 'held-idle';
  readonly bytesPerConnection: number | null;
}

/** The endpoint process, once, when everything can be reached. */
export interface Listening {
  readonly kind: 'listening';
  readonly ports: Readonly<Record<string, number>>;
}

/** Which message another process sent; both are of the same build, so the kind says the rest. */
export function isMessage<M extends { readonly kind: string }>(
  message: unknown,
  kinds: readonly M['kind'][],
): message is M {
  if (typeof message !== 'object' || message === null || !('kind' in message)) return false;
  const { kind } = message;
  return kinds.some((known) => known === kind);
}

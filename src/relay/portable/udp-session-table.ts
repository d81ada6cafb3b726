import type { UdpSession } from './udp-session.js';

export interface SessionTableOptions {
  /** ms without a datagram either way after which a session ends. */
  readonly idleTimeoutMs: number;
  readonly maxSessions: number;
  /** ms, monotonic. */
  readonly now: () => number;
  /** The table is full and evicts. Once, until it has been half empty. */
  readonly full: () => void;
}

/**
 * Every UDP session of the relay, the one idle longest first: the map keeps that order, because a session moves to its
 * end with each datagram. One timer, set for the first, serves them all.
 */
export class UdpSessionTable {
  readonly #sessions = new Map<string, UdpSession>();
  #timer: NodeJS.Timeout | undefined;
  #toldFull = false;

  constructor(private readonly options: SessionTableOptions) {}

  get size(): number {
    return this.#sessions.size;
  }

  get(key: string): UdpSession | undefined {
    return this.#sessions.get(key);
  }

  /** Adds a session; where the table is full, the one idle longest makes room. */
  add(session: UdpSession): void {
    if (this.#sessions.size >= this.options.maxSessions) {
      if (!this.#toldFull) this.options.full();
      this.#toldFull = true;
      this.evictOldest();
    }
    this.#sessions.set(session.key, session);
    this.#arm();
  }

  /** Notes that a datagram of the session has passed. */
  touch(session: UdpSession): void {
    session.lastUsed = this.options.now();
    // One that has ended meanwhile stays out.
    if (this.#sessions.delete(session.key)) this.#sessions.set(session.key, session);
  }

  delete(session: UdpSession): void {
    this.#sessions.delete(session.key);
    if (this.#sessions.size * 2 <= this.options.maxSessions) this.#toldFull = false;
    if (this.#sessions.size === 0) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    }
  }

  /** False where there is none. */
  evictOldest(): boolean {
    const oldest = this.#sessions.values().next().value;
    if (oldest === undefined) return false;
    this.delete(oldest);
    oldest.end('evicted');
    return true;
  }

  #arm(): void {
    const oldest = this.#sessions.values().next().value;
    if (this.#timer !== undefined || oldest === undefined) return;
    const idleMs = this.options.now() - oldest.lastUsed;
    this.#timer = setTimeout(
      () => this.#expire(),
      Math.max(1, Math.ceil(this.options.idleTimeoutMs - idleMs)),
    );
    this.#timer.unref();
  }

  #expire(): void {
    this.#timer = undefined;
    const deadline = this.options.now() - this.options.idleTimeoutMs;
    for (const session of this.#sessions.values()) {
      if (session.lastUsed > deadline) break;
      this.delete(session);
      session.end('idle');
    }
    this.#arm();
  }
}

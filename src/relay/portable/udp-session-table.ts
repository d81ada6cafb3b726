import { IdleSessions } from './idle-sessions.js';
import type { UdpSession } from './udp-session.js';

export interface SessionTableOptions {
  /** ms without a datagram either way after which a session ends. */
  readonly idleTimeoutMs: number;
  /** ms after which it ends while it owes an answer, where that is longer. */
  readonly replyTimeoutMs: number;
  readonly maxSessions: number;
  /** ms, monotonic. */
  readonly now: () => number;
  /** The table is full and evicts. Once, until it has been half empty. */
  readonly full: () => void;
}

/**
 * Every UDP session of the relay, by key and in the order of last use: those that owe an answer apart from the others, because
 * they may be idle for longer.
 */
export class UdpSessionTable {
  readonly #sessions = new Map<string, UdpSession>();
  readonly #settled: IdleSessions;
  readonly #owing: IdleSessions;
  #toldFull = false;

  constructor(private readonly options: SessionTableOptions) {
    const { idleTimeoutMs, replyTimeoutMs, now } = options;
    const expired = (session: UdpSession): void => {
      this.delete(session);
      session.end('idle');
    };
    this.#settled = new IdleSessions(idleTimeoutMs, now, expired);
    this.#owing = new IdleSessions(Math.max(idleTimeoutMs, replyTimeoutMs), now, expired);
  }

  /** How long sessions may be idle from now on, as `SessionTableOptions` has it. */
  setTimeouts({
    idleTimeoutMs,
    replyTimeoutMs,
  }: Pick<SessionTableOptions, 'idleTimeoutMs' | 'replyTimeoutMs'>): void {
    this.#settled.setTimeout(idleTimeoutMs);
    this.#owing.setTimeout(Math.max(idleTimeoutMs, replyTimeoutMs));
  }

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
    this.#settled.add(session);
  }

  /** Notes that a datagram of the session has passed, or that what it owes is something else now. */
  touch(session: UdpSession): void {
    // One that has ended meanwhile stays out.
    if (!this.#settled.delete(session) && !this.#owing.delete(session)) return;
    session.lastUsed = this.options.now();
    (session.owesAnswer ? this.#owing : this.#settled).add(session);
  }

  delete(session: UdpSession): void {
    this.#sessions.delete(session.key);
    this.#settled.delete(session);
    this.#owing.delete(session);
    if (this.#sessions.size * 2 <= this.options.maxSessions) this.#toldFull = false;
    if (this.#sessions.size > 0) return;
    this.#settled.stop();
    this.#owing.stop();
  }

  /** Ends the session that has been idle longest, whatever it owes. False where there is none. */
  evictOldest(): boolean {
    const settled = this.#settled.oldest;
    const owing = this.#owing.oldest;
    const isOwing = owing !== undefined && (settled === undefined || owing.lastUsed < settled.lastUsed);
    const oldest = isOwing ? owing : settled;
    if (oldest === undefined) return false;
    this.delete(oldest);
    oldest.end('evicted');
    return true;
  }
}

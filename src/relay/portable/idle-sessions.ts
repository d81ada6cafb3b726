import type { UdpSession } from './udp-session.js';

/**
 * Sessions that end when they have been idle for the same time, the one idle longest first: a set keeps that order, because a
 * session is taken out and put in again with each datagram. One timer, set for the first that was there, serves them all; it is
 * never late, for who comes later ends later.
 */
export class IdleSessions {
  readonly #sessions = new Set<UdpSession>();
  #timer: NodeJS.Timeout | undefined;
  #timeoutMs: number;

  /**
   * @param timeoutMs how long they may be idle.
   * @param now ms, monotonic.
   * @param expired this one has been idle for so long; it is to be taken out.
   */
  constructor(
    timeoutMs: number,
    private readonly now: () => number,
    private readonly expired: (session: UdpSession) => void,
  ) {
    this.#timeoutMs = timeoutMs;
  }

  /** For those that are here, too, from now on. */
  setTimeout(timeoutMs: number): void {
    this.#timeoutMs = timeoutMs;
    this.stop();
    this.#arm();
  }

  get oldest(): UdpSession | undefined {
    return this.#sessions.values().next().value;
  }

  /** It was used just now, after all that are here. */
  add(session: UdpSession): void {
    this.#sessions.add(session);
    this.#arm();
  }

  /** False where it is not here. */
  delete(session: UdpSession): boolean {
    return this.#sessions.delete(session);
  }

  /** No session is looked at until another one comes. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #arm(): void {
    if (this.#timer !== undefined) return;
    const { oldest } = this;
    if (oldest === undefined) return;
    const leftMs = this.#timeoutMs - (this.now() - oldest.lastUsed);
    this.#timer = setTimeout(() => this.#expire(), Math.max(1, Math.ceil(leftMs)));
    this.#timer.unref();
  }

  #expire(): void {
    this.#timer = undefined;
    const deadline = this.now() - this.#timeoutMs;
    for (const session of this.#sessions) {
      if (session.lastUsed > deadline) break;
      this.expired(session);
    }
    this.#arm();
  }
}

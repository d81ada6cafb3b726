/** How often a connection is looked at within the timeout: it is given up after that time or up to a quarter more. */
const LOOKS = 4;

/** A connection of which one side has finished. */
export interface HalfClosedConnection {
  /** A number that is another one whenever a byte has moved. */
  moved(): number;
  /** Nothing has moved for the whole timeout. Called once; it is not looked at any more then. */
  timedOut(): void;
}

interface Looks {
  moved: number;
  /** How many looks in a row have found just that. */
  same: number;
}

/**
 * Connections of which one side has finished. A peer that never finishes must not keep one for ever, and one that is slow may
 * take as long as it likes: the time begins anew whenever a byte has moved. Nothing is done for a byte; all are looked at
 * a few times in each timeout.
 */
export class HalfClosedConnections {
  readonly #connections = new Map<HalfClosedConnection, Looks>();
  #timer: NodeJS.Timeout | undefined;
  #timeoutMs: number;

  /** @param timeoutMs 0 gives none up. */
  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  get timeoutMs(): number {
    return this.#timeoutMs;
  }

  /** For those that are here, too, from now on. */
  set timeoutMs(timeoutMs: number) {
    if (timeoutMs === this.#timeoutMs) return;
    this.#timeoutMs = timeoutMs;
    for (const looks of this.#connections.values()) looks.same = 0;
    this.#disarm();
    this.#arm();
  }

  /** One that is there already goes on. */
  add(connection: HalfClosedConnection): void {
    if (this.#connections.has(connection)) return;
    this.#connections.set(connection, { moved: connection.moved(), same: 0 });
    this.#arm();
  }

  delete(connection: HalfClosedConnection): void {
    if (this.#connections.delete(connection) && this.#connections.size === 0) this.#disarm();
  }

  #arm(): void {
    if (this.#timeoutMs === 0 || this.#connections.size === 0) return;
    this.#timer ??= setInterval(() => this.#look(), Math.ceil(this.#timeoutMs / LOOKS)).unref();
  }

  #disarm(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    for (const [connection, looks] of this.#connections) {
      const moved = connection.moved();
      looks.same = moved === looks.moved ? looks.same + 1 : 1;
      looks.moved = moved;
      if (looks.same <= LOOKS) continue;
      this.delete(connection);
      connection.timedOut();
    }
  }
}

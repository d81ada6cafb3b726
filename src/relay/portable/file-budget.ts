/**
 * How many file descriptors the relay may hold, and how many it does.
 *
 * Running into the system's own limit is too late: Node would accept connections only to drop them, and a dial, a log
 * file or a manifest would fail instead. So the relay counts what it opens and stops short of the limit:
 *
 *     ├── portals, connections (2 each), UDP sessions ──┤── waiting room ──┤
 *     0                                        limit − waiting           limit
 *
 * A client that finds no room waits, accepted but unread, in the waiting room; beyond that it is reset.
 */
export class FileBudget {
  /** Clients that may wait for room at the same time. */
  readonly waitingRoom: number;
  #used = 0;
  #given: () => void = () => undefined;

  /** @param limit descriptors that are the relay's; the process needs some for itself beside them. */
  constructor(readonly limit: number) {
    this.waitingRoom = Math.max(1, Math.min(256, Math.floor(limit / 8)));
  }

  /** True where `files` more fit without entering the waiting room. */
  hasRoomFor(files: number): boolean {
    return this.#used + files <= this.limit - this.waitingRoom;
  }

  take(files: number): void {
    this.#used += files;
  }

  give(files: number): void {
    this.#used -= files;
    this.#given();
  }

  /** Calls `given` whenever files were given back, by whomever: there may be room for who waits. */
  onGive(given: () => void): void {
    this.#given = given;
  }

  get used(): number {
    return this.#used;
  }
}

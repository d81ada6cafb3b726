import { createConnection, type Socket } from 'node:net';
import type { LogFields } from '../../host/log.js';
import type { RelaySource } from './relay-source.js';

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1_000;
/** For so long it is looked for every 20 ms: a relay that is only started again is back by then. */
const QUICK_MS = 1_000;
const START_PATIENCE_MS = 10_000;

/**
 * A relay that somebody else started (`kube-splice-relay --socket PATH`), and that outlives this process. It is looked for
 * often at first, then with growing pauses.
 */
export class RelaySocket implements RelaySource {
  readonly ownsRelay = false;
  readonly patienceMs: number;
  readonly #path: string;
  readonly #now: () => number;
  /** When it was first missed; `undefined` while it is there. */
  #missedAt: number | undefined;
  #pause = FIRST_PAUSE_MS;

  /** `now` in ms, monotonic. */
  constructor(path: string, now: () => number = () => performance.now(), patienceMs = START_PATIENCE_MS) {
    this.#path = path;
    this.#now = now;
    this.patienceMs = patienceMs;
  }

  async connect(): Promise<Socket> {
    const socket = createConnection({ path: this.#path });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return socket;
  }

  ended(): Promise<LogFields> {
    this.#missedAt ??= this.#now();
    return Promise.resolve({ socket: this.#path });
  }

  pauseMs(): number {
    this.#missedAt ??= this.#now();
    if (this.#now() - this.#missedAt < QUICK_MS) return FIRST_PAUSE_MS;
    this.#pause = Math.min(LONGEST_PAUSE_MS, this.#pause * 2);
    return this.#pause;
  }

  found(): void {
    this.#missedAt = undefined;
    this.#pause = FIRST_PAUSE_MS;
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }
}

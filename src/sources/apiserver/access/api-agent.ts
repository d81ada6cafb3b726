import { Agent, type ClientRequestArgs } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** A few: one for each watch that is being renewed at the same time. */
const IDLE_CONNECTIONS = 4;

/** Keeps the connections to one server alive between requests, as long as they prove the same. */
export class ApiAgent extends Agent {
  readonly #connect: () => Promise<Socket>;
  #retired = false;

  constructor(connect: () => Promise<Socket>) {
    super({ keepAlive: true, keepAliveMsecs: 30_000, maxFreeSockets: IDLE_CONNECTIONS, scheduling: 'lifo' });
    this.#connect = connect;
  }

  override createConnection(
    _options: ClientRequestArgs,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    // Node takes an error without a socket; its types do not say so.
    const failed = callback as ((error: Error) => void) | undefined;
    this.#connect().then(
      (socket) => callback?.(null, socket),
      (error: Error) => failed?.(error),
    );
  }

  /** What is under way goes on; nothing new is to come, and no connection outlives its request. */
  retire(): void {
    this.#retired = true;
    for (const sockets of Object.values(this.freeSockets))
      for (const socket of sockets ?? []) socket.destroy();
  }

  override keepSocketAlive(socket: Duplex): boolean {
    const keep = Agent.prototype.keepSocketAlive as (socket: Duplex) => unknown;
    return !this.#retired && keep.call(this, socket) !== false;
  }
}

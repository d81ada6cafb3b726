import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { onTestFinished } from 'vitest';
import { type Endpoint, endpoint } from '../../src/model/endpoint.js';
import { within } from './deadline.js';
import { TcpPeer } from './tcp-peer.js';

/** What an endpoint does with each connection it accepts. */
export type Behaviour = (peer: TcpPeer) => void;

/** Sends back what it receives, and a FIN after the client's. */
export const echo: Behaviour = (peer) => {
  peer.forget();
  peer.socket.pipe(peer.socket);
};

/** Says a name, then echoes. */
export const greet =
  (name: string): Behaviour =>
  (peer) => {
    peer.socket.write(name);
    echo(peer);
  };

/** Leaves the connection to the test, which takes it with `accepted()`. */
export const handOver: Behaviour = () => {};

/** Reads nothing until the test says `startReading()`. */
export const readNothing: Behaviour = ({ socket }) => void socket.pause();

/** A listening endpoint on a port of its own. It closes when the test ends. */
export class TcpEndpoint {
  readonly #connections: TcpPeer[] = [];
  readonly #untaken: TcpPeer[] = [];
  readonly #waiting: ((peer: TcpPeer) => void)[] = [];
  readonly #server: Server;
  #behave: Behaviour;

  private constructor(
    readonly endpoint: Endpoint,
    server: Server,
    behave: Behaviour,
  ) {
    this.#server = server;
    this.#behave = behave;
    server.on('connection', (socket) => this.#accept(new TcpPeer(socket)));
  }

  static async listen(behave: Behaviour, address = '127.0.0.1'): Promise<TcpEndpoint> {
    const server = createServer({ allowHalfOpen: true });
    server.listen(0, address);
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    return new TcpEndpoint(endpoint(address, portOf(server)), server, behave);
  }

  get key(): string {
    return this.endpoint.key;
  }

  /** How many connections it has accepted. */
  get connections(): number {
    return this.#connections.length;
  }

  /** How many of them are not closed. */
  get openConnections(): number {
    return this.#connections.filter(({ socket }) => !socket.closed).length;
  }

  /** The oldest connection that was not taken yet, or the next one. */
  async accepted(): Promise<TcpPeer> {
    const peer = this.#untaken.shift();
    if (peer !== undefined) return peer;
    return within(
      `a connection to ${this.key}`,
      new Promise<TcpPeer>((resolve) => this.#waiting.push(resolve)),
    );
  }

  /**
   * Refuses from now on. The open connections stay, and with them the port: nobody else is given it.
   */
  stopListening(): void {
    if (this.openConnections === 0) throw new Error('a port without a connection would be free for others');
    this.#server.close();
  }

  async listenAgain(): Promise<void> {
    this.#server.listen(this.endpoint.port, this.endpoint.address);
    await once(this.#server, 'listening');
  }

  #accept(peer: TcpPeer): void {
    this.#behave(peer);
    this.#connections.push(peer);
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#untaken.push(peer);
    else waiting(peer);
  }
}

/** The port that a listening server was given. */
export function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string')
    throw new Error('the server does not listen on a port');
  return address.port;
}

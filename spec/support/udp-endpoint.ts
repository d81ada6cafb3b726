import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import { type Endpoint, endpoint } from '../../src/model/endpoint.js';

/** What an endpoint answers to a datagram; nothing where `undefined`. */
export type Answer = (payload: Buffer) => Buffer | string | undefined;

export const echoDatagram: Answer = (payload) => payload;
export const silent: Answer = () => undefined;

/** Any port that is not this endpoint's client: who connects a datagram socket hears nobody else (udp(7)). */
const NOBODY = 9;

/** A datagram endpoint on a port of its own, that remembers who sent what. It closes when the test ends. */
export class UdpEndpoint {
  readonly received: { readonly payload: Buffer; readonly port: number }[] = [];
  readonly #socket: Socket;

  private constructor(
    readonly endpoint: Endpoint,
    socket: Socket,
    answer: Answer,
  ) {
    this.#socket = socket;
    socket.on('message', (payload, { address, port }) => {
      this.received.push({ payload, port });
      const reply = answer(payload);
      if (reply !== undefined) socket.send(reply, port, address);
    });
  }

  static async bind(answer: Answer, address = '127.0.0.1'): Promise<UdpEndpoint> {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    // An ICMP refusal of an answer, where a client has gone: no matter here.
    socket.on('error', () => {});
    socket.bind(0, address);
    await once(socket, 'listening');
    onTestFinished(async () => {
      socket.close();
      await once(socket, 'close');
    });
    return new UdpEndpoint(endpoint(address, socket.address().port), socket, answer);
  }

  get key(): string {
    return this.endpoint.key;
  }

  /** The source ports it has heard: as many as it had sessions, as long as none of them ended. */
  get sources(): ReadonlySet<number> {
    return new Set(this.received.map(({ port }) => port));
  }

  /** Sends to whoever sent last. */
  sendToLastSource(payload: string): void {
    const last = this.received.at(-1);
    if (last === undefined) throw new Error('nobody has sent yet');
    this.send(payload, last.port);
  }

  /** Sends to a port of its own host. */
  send(payload: string, port: number): void {
    this.#socket.send(payload, port, this.endpoint.address);
  }

  /**
   * From now on every datagram is answered by an ICMP refusal, and the port stays ours: the socket is connected to
   * somebody who never sends, so the kernel finds no socket for anybody else.
   */
  async refuse(): Promise<void> {
    this.#socket.connect(NOBODY, this.endpoint.address);
    await once(this.#socket, 'connect');
  }
}

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import { DEADLINE_MS, within } from './deadline.js';

/** How long an answer may take before its datagram counts as lost: UDP may lose one, and a spec that floods makes it so. */
const LOST_AFTER_MS = 200;

/** Where to send, and from where. */
export interface UdpDial {
  readonly address: string;
  readonly port: number;
  /** The kernel chooses otherwise. */
  readonly localAddress?: string;
}

/** A client with an address of its own, connected: it hears only the address that it sends to. Closes when the test ends. */
export class UdpClient {
  readonly #unread: Buffer[] = [];
  readonly #waiting = new Set<(payload: Buffer) => void>();
  readonly #socket: Socket;
  #closed: Promise<void> | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    // The portal's socket may be gone: an ICMP refusal is the right answer then.
    socket.on('error', () => {});
    socket.on('message', (payload) => this.#take(payload));
  }

  static async connect({ address, port, localAddress }: UdpDial): Promise<UdpClient> {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    const client = new UdpClient(socket);
    onTestFinished(() => client.close());
    if (localAddress !== undefined) {
      socket.bind(0, localAddress);
      await once(socket, 'listening');
    }
    socket.connect(port, address);
    await once(socket, 'connect');
    return client;
  }

  get localPort(): number {
    return this.#socket.address().port;
  }

  /** Resolves when the kernel has taken the datagram, or refused it. */
  async send(payload: Buffer | string): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.send(payload, () => resolve()));
  }

  /** The next datagram. */
  async receive(ms = DEADLINE_MS): Promise<Buffer> {
    const payload = this.#unread.shift();
    if (payload !== undefined) return payload;
    let take = (_: Buffer): void => {};
    const next = new Promise<Buffer>((resolve) => {
      take = resolve;
    });
    this.#waiting.add(take);
    try {
      return await within('a datagram', next, ms);
    } finally {
      this.#waiting.delete(take);
    }
  }

  /** Sends and returns the answer as text. */
  async ask(payload: string): Promise<string> {
    await this.send(payload);
    return (await this.receive()).toString();
  }

  /**
   * Asks an endpoint that echoes, and again where nothing comes back, `times` times in all. Echoes of earlier questions,
   * late or double, are passed over.
   */
  async askEcho(question: string, times: number): Promise<string> {
    for (let left = times; left > 0; left--) {
      await this.send(question);
      try {
        for (;;) {
          const answer = (await this.receive(LOST_AFTER_MS)).toString();
          if (answer === question) return answer;
        }
      } catch {
        // Lost on the way: once more.
      }
    }
    throw new Error(`no echo of ${question} after ${times} times`);
  }

  /** Closes the socket; a second time it does nothing. */
  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => this.#socket.close(resolve));
    return this.#closed;
  }

  #take(payload: Buffer): void {
    const [oldest] = this.#waiting;
    if (oldest === undefined) {
      this.#unread.push(payload);
    } else {
      this.#waiting.delete(oldest);
      oldest(payload);
    }
  }
}

import { get } from 'node:http';
import { text } from 'node:stream/consumers';
import { DgramAsPromised, type SocketAsPromised } from 'dgram-as-promised';
import type { PortalAddress } from '../../relay/engine.js';

/** Longer than the relay tries to reach an endpoint (3.75 s), in ms. */
const DEADLINE_MS = 5_000;

/** Asks through a portal who serves. Every question is a new connection, or a new UDP session. */
export interface DemoClient {
  /** Resolves with the name of the endpoint that answered; rejects where none did, or not as it should. */
  ask(): Promise<string>;
  close(): Promise<void>;
}

/** A client of the whoami servers. */
export class WhoamiClient implements DemoClient {
  readonly #portal: PortalAddress;
  readonly #deadlineMs: number;

  constructor(portal: PortalAddress, deadlineMs = DEADLINE_MS) {
    this.#portal = portal;
    this.#deadlineMs = deadlineMs;
  }

  async ask(): Promise<string> {
    const { address: host, port } = this.#portal;
    const signal = AbortSignal.timeout(this.#deadlineMs);
    const answer = await new Promise<string>((resolve, reject) => {
      const answered = get({ host, port, agent: false, signal }, (response) => {
        text(response).then(resolve, reject);
      });
      answered.on('error', reject);
    });
    return nameIn(answer, /^viola from (\S+)\n$/);
  }

  async close(): Promise<void> {}
}

/** A client of the UDP echo servers. */
export class EchoClient implements DemoClient {
  readonly #portal: PortalAddress;
  readonly #deadlineMs: number;
  /** All stay open to the end: a port that were used again would be the same client to the portal. */
  readonly #sockets: SocketAsPromised[] = [];

  constructor(portal: PortalAddress, deadlineMs = DEADLINE_MS) {
    this.#portal = portal;
    this.#deadlineMs = deadlineMs;
  }

  async ask(): Promise<string> {
    const { address, port } = this.#portal;
    const socket = DgramAsPromised.createSocket(address.includes(':') ? 'udp6' : 'udp4');
    this.#sockets.push(socket.setTimeout(this.#deadlineMs));
    const question = `hello ${this.#sockets.length}`;
    const [packet] = await Promise.all([socket.recv(), socket.send(question, port, address)]);
    return nameIn(packet?.msg.toString() ?? '', new RegExp(`^(\\S+): ${question}$`));
  }

  async close(): Promise<void> {
    await Promise.all(this.#sockets.splice(0).map((socket) => socket.close()));
  }
}

function nameIn(answer: string, form: RegExp): string {
  const name = form.exec(answer)?.[1];
  if (name === undefined) throw new Error(`the answer was ${JSON.stringify(answer.slice(0, 80))}`);
  return name;
}

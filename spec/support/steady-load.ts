import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { DEADLINE_MS, within } from './deadline.js';
import { UdpClient } from './udp-client.js';

export interface LoadPlan {
  readonly address: string;
  /** Of a TCP portal whose endpoints echo. */
  readonly tcpPort: number;
  /** Of a UDP portal whose endpoints echo; none where left out. */
  readonly udpPort?: number;
  /** Clients that ask again and again on the connection that they have. */
  readonly kept: number;
  /** Clients that connect anew for each question. */
  readonly reconnecting: number;
  /** Clients of the UDP portal, each with one session. */
  readonly udp: number;
}

/** What became of it all. */
export interface LoadResult {
  readonly requests: number;
  readonly connections: number;
  readonly datagrams: number;
  /** One line for each that failed: a reset, a refusal, a wrong answer, none. */
  readonly failures: readonly string[];
}

/** How often a datagram may be asked again: loopback loses one where a buffer is full, and never all of them. */
const UDP_TRIES = 10;

/** Clients that never stop asking, and remember each question that was not answered rightly. */
export class SteadyLoad {
  requests = 0;
  connections = 0;
  datagrams = 0;
  readonly failures: string[] = [];
  readonly #clients: Promise<void>[];
  #stopped = false;

  private constructor(
    private readonly plan: LoadPlan,
    udpClients: readonly UdpClient[],
  ) {
    this.#clients = [
      ...Array.from({ length: plan.kept }, (_, index) => this.#keep(`kept ${index}`)),
      ...Array.from({ length: plan.reconnecting }, (_, index) => this.#reconnect(`new ${index}`)),
      ...udpClients.map((client, index) => this.#askDatagrams(client, `udp ${index}`)),
    ];
  }

  static async start(plan: LoadPlan): Promise<SteadyLoad> {
    const { address, udpPort } = plan;
    const udpClients: UdpClient[] = [];
    while (udpPort !== undefined && udpClients.length < plan.udp)
      udpClients.push(await UdpClient.connect({ address, port: udpPort }));
    return new SteadyLoad(plan, udpClients);
  }

  /** Resolves when so many more of each kind that there are clients for have been answered. */
  async more(count: number): Promise<void> {
    const { requests, connections, datagrams } = this;
    const done = () =>
      (this.plan.kept === 0 || this.requests - requests >= count) &&
      (this.plan.reconnecting === 0 || this.connections - connections >= count) &&
      (this.plan.udp === 0 || this.datagrams - datagrams >= count);
    const began = performance.now();
    while (!done()) {
      if (performance.now() - began > 6 * DEADLINE_MS)
        throw new Error(`the load stands still: ${this.#summary()}`);
      await nextTurn();
    }
  }

  #summary(): string {
    const { requests, connections, datagrams, failures } = this;
    return `${requests} requests, ${connections} connections, ${datagrams} datagrams; ${failures.slice(0, 10).join('; ')}`;
  }

  /** Lets each client end its question. */
  async stop(): Promise<LoadResult> {
    this.#stopped = true;
    await Promise.all(this.#clients);
    const { requests, connections, datagrams, failures } = this;
    return { requests, connections, datagrams, failures };
  }

  async #keep(who: string): Promise<void> {
    try {
      const socket = await this.#connect();
      for (let question = 0; !this.#stopped; question += 1) {
        await ask(socket, `${who} asks ${question}`);
        this.requests += 1;
      }
      socket.destroy();
    } catch (error) {
      this.failures.push(`${who}: ${String(error)}`);
    }
  }

  async #reconnect(who: string): Promise<void> {
    for (let question = 0; !this.#stopped; question += 1) {
      try {
        const socket = await this.#connect();
        await ask(socket, `${who} asks ${question}`);
        socket.end();
        await within('the end of the connection', once(socket, 'close'));
        this.connections += 1;
      } catch (error) {
        this.failures.push(`${who}, ${question}: ${String(error)}`);
        if (this.failures.length > 100) return;
      }
    }
  }

  async #askDatagrams(client: UdpClient, who: string): Promise<void> {
    try {
      for (let question = 0; !this.#stopped; question += 1) {
        await client.askEcho(`${who} asks ${question}`, UDP_TRIES);
        this.datagrams += 1;
      }
    } catch (error) {
      this.failures.push(`${who}: ${String(error)}`);
    }
  }

  async #connect(): Promise<Socket> {
    const socket = connect({ host: this.plan.address, port: this.plan.tcpPort, noDelay: true });
    await within('a connection', once(socket, 'connect'));
    return socket;
  }
}

/** Sends a question, and waits for the same text to come back. @throws Error where it does not, or where the connection ends. */
async function ask(socket: Socket, question: string): Promise<void> {
  socket.write(question);
  let answer = '';
  while (answer.length < question.length) {
    const [chunk] = await within(`the answer to "${question}"`, once(socket, 'data', untilClosed(socket)));
    answer += String(chunk);
  }
  if (answer !== question) throw new Error(`asked "${question}", answered "${answer}"`);
}

/** Ends a wait where the connection ends: `once` would only notice an error. */
function untilClosed(socket: Socket): { readonly signal: AbortSignal } {
  const controller = new AbortController();
  const closed = (): void => controller.abort(new Error('the connection was closed'));
  socket.once('end', closed);
  socket.once('data', () => socket.off('end', closed));
  return controller;
}

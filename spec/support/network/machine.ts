import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve as resolvePath } from 'node:path';
import { createInterface } from 'node:readline';
import { within } from '../deadline.js';
import { NetworkNamespace } from './network-namespace.js';

const AGENT = resolvePath(import.meta.dirname, 'machine-agent.mjs');

/** Starting Node takes a while on a busy machine, and so may an answer of it, ms. */
const AGENT_DEADLINE_MS = 15_000;

/** When silence counts as no answer, ms: far longer than an answer takes inside one kernel. */
const SILENCE_MS = 700;

/** Where to send to, and from which address of the machine; the kernel chooses where none is given. */
export interface Destination {
  readonly address: string;
  readonly port: number;
  readonly localAddress?: string;
}

/** What came of it: an answer, the name of an errno (`ECONNREFUSED`), or `no answer`. */
export interface Outcome {
  readonly outcome: string;
  readonly elapsedMs: number;
}

interface Reply {
  readonly id: number;
  readonly error?: string;
  readonly outcome?: string;
  readonly elapsedMs?: number;
}

/** A computer of a network in the specs: a namespace, and one process in it that serves and asks. */
export class Machine {
  readonly #agent: ChildProcess;
  readonly #closed: Promise<unknown>;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #lastId = 0;

  private constructor(
    readonly name: string,
    readonly namespace: NetworkNamespace,
  ) {
    const [program = '', ...args] = namespace.through;
    this.#agent = spawn(program, [...args, process.execPath, AGENT], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#closed = once(this.#agent, 'close');
    if (this.#agent.stdout === null) throw new Error('its standard output is a pipe');
    createInterface({ input: this.#agent.stdout }).on('line', (line) => {
      const reply = JSON.parse(line) as Reply;
      this.#waiting.get(reply.id)?.(reply);
      this.#waiting.delete(reply.id);
    });
  }

  static async create(name: string): Promise<Machine> {
    return new Machine(name, await NetworkNamespace.create(name));
  }

  /** Answers HTTP with its name on this port of every address, from now on. */
  async serveHttp(port: number): Promise<void> {
    await this.#do('serveHttp', { name: this.name, port });
  }

  /** Connections to this port of every address go to a Unix socket, from now on: to who listens in another namespace. */
  async forward(port: number, path: string): Promise<void> {
    await this.#do('forward', { port, path });
  }

  /** Answers datagrams with `NAME heard TEXT` on this port of every address, from now on. */
  async serveUdp(port: number): Promise<void> {
    await this.#do('serveUdp', { name: this.name, port });
  }

  /** What curl prints of a page, `NAME` of who serves it; or `curl: ` and its exit code where it fails. */
  async curl({ address, port, localAddress }: Destination, path = '/', ...flags: readonly string[]) {
    const host = address.includes(':') ? `[${address}]` : address;
    const from = localAddress === undefined ? [] : ['--interface', localAddress];
    const limits = ['--noproxy', '*', '--connect-timeout', '3', '--max-time', '5'];
    const argv = ['curl', '-sS', '-g', ...limits, ...from, ...flags, `http://${host}:${port}${path}`];
    const { exitCode, stdout } = await this.namespace.run(argv);
    return exitCode === 0 ? stdout : `curl: ${exitCode}`;
  }

  /** How one TCP connection begins: `connected`, which is closed again, or why not. */
  async connect(destination: Destination, silenceMs = SILENCE_MS): Promise<Outcome> {
    return outcomeOf(await this.#do('connect', { ...destination, deadlineMs: silenceMs }));
  }

  /** A UDP socket that hears only the address that it sends to. It is open until the machine is gone. */
  async dial(destination: Destination): Promise<UdpConversation> {
    const session = this.#lastId + 1;
    await this.#do('dial', { session, ...destination });
    return {
      ask: async (text, silenceMs = SILENCE_MS) =>
        outcomeOf(await this.#do('ask', { session, text, deadlineMs: silenceMs })),
    };
  }

  /** What one datagram from a new socket is answered with. */
  async askUdp(destination: Destination, text = 'hello'): Promise<string> {
    return (await (await this.dial(destination)).ask(text)).outcome;
  }

  /** Ends its process and deletes its namespace. */
  async delete(): Promise<void> {
    this.#agent.kill('SIGKILL');
    await this.#closed;
    await this.namespace.delete();
  }

  #do(action: string, parameters: object): Promise<Reply> {
    this.#lastId += 1;
    const id = this.#lastId;
    const replied = new Promise<Reply>((resolve, reject) => {
      this.#waiting.set(id, (reply) => {
        if (reply.error === undefined) resolve(reply);
        else reject(new Error(`${this.name} cannot ${action}: ${reply.error}`));
      });
    });
    this.#agent.stdin?.write(`${JSON.stringify({ id, action, ...parameters })}\n`);
    return within(`${action} of ${this.name}`, replied, AGENT_DEADLINE_MS);
  }
}

/** The datagrams of one client socket. */
export interface UdpConversation {
  /** Sends it and waits for the answer to it. */
  ask(text: string, silenceMs?: number): Promise<Outcome>;
}

function outcomeOf({ outcome = '', elapsedMs = 0 }: Reply): Outcome {
  return { outcome, elapsedMs };
}

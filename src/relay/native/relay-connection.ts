import type { Socket } from 'node:net';
import { KubeSpliceError } from '../../model/errors.js';
import {
  type Greeting,
  LONGEST_LINE,
  malformed,
  parseGreeting,
  type RequestLines,
} from './relay-protocol.js';
import { parseEvent, type RelayEvent } from './relay-replies.js';

/** The relay answered a request with an error. */
export class RelayRefusal extends Error {
  constructor(
    readonly code: string,
    readonly text: string,
  ) {
    super(text === '' ? code : `${code} ${text}`);
    this.name = 'RelayRefusal';
  }
}

/** The connection ended before the request was answered: whether it took effect is not known. */
export class RelayAway extends Error {
  override readonly name = 'RelayAway';
}

/** What a request was answered. */
export interface Answer {
  /** What follows `ok`; empty where nothing does. */
  readonly ok: string;
  /** The lines before it, without their tags. */
  readonly lines: readonly string[];
}

export interface RelayConnectionOptions {
  readonly event: (event: RelayEvent) => void;
  /** Called once when the connection has ended, before any request that it leaves unanswered is rejected. */
  readonly closed: (cause: Error) => void;
  /** ms that the greeting, and the answer to each request, may take. */
  readonly patienceMs?: number;
}

interface Pending {
  readonly lines: string[];
  readonly answered: (answer: Answer) => void;
  readonly failed: (error: Error) => void;
  timer: NodeJS.Timeout | undefined;
}

const PATIENCE_MS = 10_000;
/** Whoever was blocked for long finds a timer due before it has read the answer that is there: it reads first. */
const READ_FIRST_MS = 1_000;
const LINE = /^[\x20-\x7e]*$/;
/** `TAG ok`, `TAG error CODE TEXT`, `TAG line`. */
const REPLY = /^(\d{1,15}) (\S+)(?: (.*))?$/;

/**
 * One connection to the relay. States: greeting, open, ended; never back. It owns its socket, and ends for good at the first
 * line that the protocol does not have: who knows what else is not as it should be.
 */
export class RelayConnection {
  readonly #socket: Socket;
  readonly #options: RelayConnectionOptions;
  readonly #pending = new Map<string, Pending>();
  readonly #greeted: (greeting: Greeting | Error) => void;
  #greeting: Greeting | undefined;
  #rest = '';
  #unsent: string[] = [];
  #lastTag = 0;
  #cause: Error | undefined;

  /**
   * Waits for the greeting. The socket is this connection's from now on.
   *
   * @throws KubeSpliceError `RELAY_MALFORMED`; RelayAway where the other side ends or stays silent.
   */
  static async greet(socket: Socket, options: RelayConnectionOptions): Promise<RelayConnection> {
    let timer: NodeJS.Timeout | undefined;
    try {
      const [connection, greeting] = await new Promise<[RelayConnection, Greeting | Error]>((resolve) => {
        const connection: RelayConnection = new RelayConnection(socket, options, (greeting) =>
          resolve([connection, greeting]),
        );
        timer = setTimeout(
          () => connection.#end(new RelayAway('the relay does not greet')),
          options.patienceMs ?? PATIENCE_MS,
        );
      });
      if (greeting instanceof Error) throw greeting;
      return connection;
    } finally {
      clearTimeout(timer);
    }
  }

  private constructor(
    socket: Socket,
    options: RelayConnectionOptions,
    greeted: (greeting: Greeting | Error) => void,
  ) {
    this.#socket = socket;
    this.#options = options;
    this.#greeted = greeted;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => this.#read(text));
    socket.on('error', (error) => this.#end(new RelayAway(error.message, { cause: error })));
    socket.on('close', () => this.#end(new RelayAway('the relay ended the connection')));
  }

  get greeting(): Greeting {
    if (this.#greeting === undefined) throw new Error('no greeting yet');
    return this.#greeting;
  }

  get isOpen(): boolean {
    return this.#cause === undefined;
  }

  /**
   * Asks, in the order of the calls. What is asked in one turn of the event loop leaves in one write.
   *
   * @throws RelayRefusal where the answer is an error; RelayAway, or what ended the connection, where there is none.
   */
  request(request: RequestLines, patienceMs = this.#options.patienceMs ?? PATIENCE_MS): Promise<Answer> {
    return new Promise((answered, failed) => {
      if (this.#cause !== undefined) {
        failed(this.#cause);
        return;
      }
      this.#lastTag += 1;
      const tag = `${this.#lastTag}`;
      if (this.#unsent.length === 0) queueMicrotask(() => this.#send());
      for (const line of request) this.#unsent.push(`${tag} ${line}\n`);
      const pending: Pending = { lines: [], answered, failed, timer: undefined };
      if (Number.isFinite(patienceMs)) {
        const giveUp = () => this.#end(new RelayAway(`the relay does not answer: ${request[0]}`));
        pending.timer = setTimeout(() => {
          pending.timer = setTimeout(giveUp, READ_FIRST_MS);
        }, patienceMs);
      }
      this.#pending.set(tag, pending);
    });
  }

  /** Asks, and reads the answer; the connection ends where that throws. */
  async ask<T>(request: RequestLines, read: (answer: Answer) => T): Promise<T> {
    const answer = await this.request(request);
    try {
      return read(answer);
    } catch (error) {
      this.#end(error instanceof Error ? error : new Error(String(error)));
      throw error;
    }
  }

  /** Ends it; what is not answered is rejected. */
  close(): void {
    this.#end(new RelayAway('the connection to the relay was closed'));
  }

  #send(): void {
    const text = this.#unsent.join('');
    this.#unsent = [];
    if (this.#cause === undefined) this.#socket.write(text, 'latin1');
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    try {
      for (const line of lines) {
        if (this.#cause !== undefined) return;
        this.#understand(line);
      }
      if (this.#rest.length > LONGEST_LINE) throw malformed(this.#rest);
    } catch (error) {
      this.#end(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #understand(line: string): void {
    if (line.length > LONGEST_LINE || !LINE.test(line)) throw malformed(line);
    if (line.startsWith('* ')) {
      const event = parseEvent(line.slice(2));
      if (event.kind === 'refused') {
        throw new KubeSpliceError(
          'RELAY_UNREACHABLE',
          'the relay refuses this process: another user, or too many peers',
        );
      }
      this.#options.event(event);
    } else if (this.#greeting === undefined) {
      this.#greeting = parseGreeting(line);
      this.#greeted(this.#greeting);
    } else {
      this.#reply(line);
    }
  }

  #reply(line: string): void {
    const [, tag = '', verb = '', text = ''] = REPLY.exec(line) ?? [];
    const pending = this.#pending.get(tag);
    if (pending === undefined) throw malformed(line);
    if (verb !== 'ok' && verb !== 'error') {
      pending.lines.push(`${verb} ${text}`);
      return;
    }
    const [code = '', ...words] = text.split(' ');
    if (verb === 'error' && !/^[A-Z_]+$/.test(code)) throw malformed(line);
    this.#pending.delete(tag);
    clearTimeout(pending.timer);
    if (verb === 'ok') pending.answered({ ok: text, lines: pending.lines });
    else pending.failed(new RelayRefusal(code, words.join(' ')));
  }

  #end(cause: Error): void {
    if (this.#cause !== undefined) return;
    this.#cause = cause;
    this.#socket.destroy();
    this.#greeted(cause);
    this.#options.closed(cause);
    for (const pending of this.#pending.values()) {
      clearTimeout(pending.timer);
      pending.failed(cause);
    }
    this.#pending.clear();
  }
}

import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { LogFields, Logger } from '../../host/log.js';
import { KubeSpliceError } from '../../model/errors.js';
import { RelayConnection } from './relay-connection.js';
import type { RelayEvent } from './relay-replies.js';
import type { RelaySource } from './relay-source.js';

export interface RelayLinkOptions {
  readonly source: RelaySource;
  readonly logger: Logger;
  readonly event: (event: RelayEvent) => void;
  /** Tells a relay everything that it is to have. Rejects where it cannot be: the connection is dropped and made anew. */
  readonly introduce: (connection: RelayConnection) => Promise<void>;
  /** ms that the answer to a request may take. */
  readonly patienceMs?: number | undefined;
}

/**
 * Keeps a connection to the relay: makes it, has the relay told everything, and makes it anew whenever it ends.
 * States: away, ready (the relay has everything), stopped (for good).
 */
export class RelayLink {
  readonly #options: RelayLinkOptions;
  readonly #stopped = new AbortController();
  /** A connection whose relay has not greeted yet: it may never do. */
  #ungreeted: Socket | undefined;
  /** The connection that is there, be the relay told everything or not. */
  #latest: RelayConnection | undefined;
  #ready: RelayConnection | undefined;
  #waiting: ((connection: RelayConnection | undefined) => void)[] = [];
  #work: Promise<void> = Promise.resolve();

  constructor(options: RelayLinkOptions) {
    this.#options = options;
  }

  /** The relay that has everything; `undefined` while it is away. */
  get ready(): RelayConnection | undefined {
    return this.#ready;
  }

  /**
   * Makes the first connection, for as long as the source is patient, and keeps one from then on.
   *
   * @throws the error of the last try.
   */
  async start(): Promise<void> {
    const { source } = this.#options;
    const startedAt = performance.now();
    let tried: { readonly ended: Promise<Error> } | Error = await this.#attempt();
    while (tried instanceof Error) {
      const ms = source.pauseMs();
      if (performance.now() - startedAt + ms >= source.patienceMs) throw tried;
      await this.#pause(ms);
      if (this.#stopped.signal.aborted) throw tried;
      tried = await this.#attempt();
    }
    this.#work = this.#keep(tried.ended);
  }

  /** The relay when it has everything: at once, or when it is back. `undefined` where that will never be. */
  connected(): Promise<RelayConnection | undefined> {
    if (this.#ready !== undefined || this.#stopped.signal.aborted) return Promise.resolve(this.#ready);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Makes no more connections; one that is there stays. */
  stopConnecting(): void {
    this.#stopped.abort();
    this.#ungreeted?.destroy();
    this.#wake();
  }

  /** Ends the connection, too. Resolves when nothing is left of it. */
  async stop(): Promise<void> {
    this.stopConnecting();
    this.#latest?.close();
    await this.#work;
  }

  async #keep(first: Promise<Error>): Promise<void> {
    let ended = first;
    for (;;) {
      await this.#tell(await ended);
      let next = await this.#again();
      let said = '';
      while (next instanceof Error) {
        if (this.#stopped.signal.aborted) return;
        if (next.message !== said) this.#options.logger.warn('the relay is not back', facts(next));
        said = next.message;
        next = await this.#again();
      }
      this.#options.logger.info('the relay is back', { pid: this.#ready?.greeting.pid });
      ended = next.ended;
    }
  }

  async #tell(cause: Error): Promise<void> {
    const known = await this.#options.source.ended();
    if (!this.#stopped.signal.aborted) {
      this.#options.logger.error('the relay is away: connections wait until it is back', {
        ...facts(cause),
        ...known,
      });
    }
  }

  async #again(): Promise<{ readonly ended: Promise<Error> } | Error> {
    await this.#pause(this.#options.source.pauseMs());
    if (this.#stopped.signal.aborted) return new Error('stopped');
    return this.#attempt();
  }

  /** One connection, up to where the relay has everything. It leaves nothing behind where it fails. */
  async #attempt(): Promise<{ readonly ended: Promise<Error> } | Error> {
    const { source, event, introduce, patienceMs } = this.#options;
    let closed: (cause: Error) => void = () => undefined;
    const ended = new Promise<Error>((resolve) => {
      closed = (cause) => {
        this.#ready = undefined;
        this.#latest = undefined;
        resolve(cause);
      };
    });
    let connection: RelayConnection | undefined;
    try {
      const socket = await source.connect();
      this.#ungreeted = socket;
      if (this.#stopped.signal.aborted) socket.destroy();
      connection = await RelayConnection.greet(socket, {
        event,
        closed,
        ...(patienceMs === undefined ? {} : { patienceMs }),
      }).finally(() => {
        this.#ungreeted = undefined;
      });
      this.#latest = connection;
      if (this.#stopped.signal.aborted) throw new Error('stopped');
      await introduce(connection);
      if (!connection.isOpen) throw await ended;
      source.found();
      this.#ready = connection;
      this.#wake();
      return { ended };
    } catch (error) {
      connection?.close();
      const known = await source.ended();
      return withFacts(error, known);
    }
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve(this.#ready);
  }

  /** Timers and signals have their turn, even where there is nothing to wait for: a start may fail again and again. */
  async #pause(ms: number): Promise<void> {
    await pause(ms, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
  }
}

function facts(error: Error): LogFields {
  return error instanceof KubeSpliceError
    ? { code: error.code, error: error.message, remedy: error.remedy }
    : { error: error.message };
}

/** The exit code or signal of a relay that ended while it was told is all that says why. */
function withFacts(error: unknown, known: LogFields): Error {
  if (error instanceof KubeSpliceError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const { exitCode, signal } = known;
  const how = exitCode === undefined ? signal : `exit code ${exitCode}`;
  return new Error(how === undefined ? message : `${message} (${how})`, { cause: error });
}

import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { KubeSpliceError } from '../../../model/errors.js';
import type { ReadFile } from '../../file-fault.js';
import { ApiAgent } from './api-agent.js';
import { exchange } from './api-exchange.js';
import type { ApiResponse } from './api-response.js';
import { authoritiesOf, type ClusterConfig } from './cluster-config.js';
import { type Credentials, createCredentials, type RequestCredentials } from './credentials.js';
import { readAuthorities } from './read-authorities.js';
import { Refreshed } from './refreshed.js';
import { connectToServer } from './server-connection.js';
import type { TlsMaterial } from './tls-handshake.js';

export type { ApiResponse } from './api-response.js';

export interface ApiClientOptions {
  readonly config: ClusterConfig;
  /** `kube-splice/1.2.3`. */
  readonly userAgent: string;
  /** What an exec plugin finds. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly readFile?: ReadFile;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** Milliseconds from the connection's beginning to the headers of an answer. */
  readonly headersTimeoutMs?: number;
  /** Milliseconds that an exec plugin may take. */
  readonly execTimeoutMs?: number;
  /** How long what was read of a file of credentials or authorities is used, ms: client-go's is a minute. */
  readonly fileMaxAgeMs?: number;
}

export interface GetOptions {
  /** Gives the request up, and its body too. */
  readonly signal: AbortSignal;
  /** The longest silence in the body, ms; none is too long where it is left out. */
  readonly idleTimeoutMs?: number;
  /** As that of the client. */
  readonly headersTimeoutMs?: number;
}

const HEADERS_TIMEOUT_MS = 30_000;
const EXEC_TIMEOUT_MS = 60_000;
const FILE_MAX_AGE_MS = 60_000;
const HTTP_UNAUTHORIZED = 401;

/** Asks one API server. Owns its connections, and the exec plugin that may be running. */
export class ApiClient {
  /** The server's URL, for people: without credentials. */
  readonly server: string;
  readonly #options: ApiClientOptions;
  readonly #credentials: Credentials;
  readonly #authorities: Refreshed<readonly string[] | null>;
  readonly #sockets = new Set<Socket>();
  readonly #closing = new AbortController();
  #held: { readonly agent: ApiAgent; readonly tls: TlsMaterial } | null = null;

  constructor(options: ApiClientOptions) {
    const { config, environment, now = Date.now, fileMaxAgeMs = FILE_MAX_AGE_MS } = options;
    const read = options.readFile ?? ((path: string) => readFile(path));
    this.#options = options;
    this.server = config.server.url;
    this.#credentials = createCredentials(config, {
      readFile: read,
      environment,
      now,
      signal: this.#closing.signal,
      execTimeoutMs: options.execTimeoutMs ?? EXEC_TIMEOUT_MS,
      fileMaxAgeMs,
    });
    const authorities = authoritiesOf(config.cluster);
    this.#authorities = new Refreshed(
      async () => (authorities === null ? null : await readAuthorities(authorities, read)),
      { maxAgeMs: fileMaxAgeMs, now },
    );
  }

  /**
   * Asks for a path of the API. Resolves when the headers have come, whatever the status; a redirect is a status like
   * any other. After a 401 the credentials are fetched anew, and where they are others than before, it asks once more.
   *
   * @throws KubeSpliceError `CREDENTIALS_UNUSABLE`, `APISERVER_UNREACHABLE`, `APISERVER_CERTIFICATE_REJECTED`,
   *   `APISERVER_UNAUTHORIZED` where TLS already refuses the client certificate, `APISERVER_MALFORMED`; the signal's
   *   reason where it is aborted.
   */
  async get(
    path: string,
    query: Readonly<Record<string, string>>,
    options: GetOptions,
  ): Promise<ApiResponse> {
    const { signal } = options;
    // An exec plugin is not to be started for nothing.
    for (const each of [signal, this.#closing.signal]) each.throwIfAborted();
    const used = await this.#unlessGivenUp(this.#credentials.current(), signal);
    const response = await this.#send(path, query, options, used);
    if (response.status !== HTTP_UNAUTHORIZED) return response;
    let others: RequestCredentials | null;
    try {
      others = await this.#unlessGivenUp(this.#credentials.instead(used), signal);
    } catch (error) {
      response.destroy();
      throw error;
    }
    if (others === null) return response;
    response.destroy();
    return await this.#send(path, query, options, others);
  }

  /** Gives up every request and closes every connection. Resolves when that is done. */
  async close(): Promise<void> {
    this.#closing.abort(new Error('the client of the API server is closed'));
    const closed = [...this.#sockets].map((socket) => {
      return new Promise<void>((resolve) => {
        socket.once('close', () => resolve());
        socket.destroy();
      });
    });
    await Promise.all(closed);
  }

  async #send(
    path: string,
    query: Readonly<Record<string, string>>,
    { signal, idleTimeoutMs, headersTimeoutMs }: GetOptions,
    credentials: RequestCredentials,
  ): Promise<ApiResponse> {
    const { config } = this.#options;
    const agent = this.#agentFor(await this.#unlessGivenUp(this.#tlsWith(credentials), signal));
    const search = new URLSearchParams(query).toString();
    try {
      return await exchange({
        agent,
        server: config.server,
        path: `${config.server.basePath}${path}${search === '' ? '' : `?${search}`}`,
        headers: this.#headers(credentials),
        signals: [signal, this.#closing.signal],
        headersTimeoutMs: headersTimeoutMs ?? this.#headersTimeoutMs,
        idleTimeoutMs: idleTimeoutMs ?? null,
      });
    } catch (error) {
      // The files may hold others already, and an exec plugin may give others.
      const { code } = error instanceof KubeSpliceError ? error : { code: null };
      if (code === 'APISERVER_CERTIFICATE_REJECTED') this.#authorities.drop();
      if (code === 'APISERVER_UNAUTHORIZED') this.#credentials.drop();
      throw error;
    }
  }

  #headers({ authorization }: RequestCredentials): Readonly<Record<string, string | string[]>> {
    const { config, userAgent } = this.#options;
    return {
      host: new URL(config.server.url).host,
      accept: 'application/json',
      'user-agent': userAgent,
      ...config.user.impersonation,
      ...(authorization === null ? {} : { authorization }),
    };
  }

  async #tlsWith({ certificate }: RequestCredentials): Promise<TlsMaterial> {
    const authorities = await this.#authorities.value();
    return { authorities, certificate, insecure: this.#options.config.cluster.skipTLSVerify };
  }

  /** Connections that prove something else than this request are not used for it. */
  #agentFor(tls: TlsMaterial): ApiAgent {
    if (this.#held !== null && isSame(this.#held.tls, tls)) return this.#held.agent;
    this.#held?.agent.retire();
    const { server, proxy, cluster } = this.#options.config;
    const { now = Date.now } = this.#options;
    const timeoutMs = this.#headersTimeoutMs;
    const plan = { server, proxy, serverName: cluster.tlsServerName || null, tls, now, timeoutMs };
    const agent = new ApiAgent(() => connectToServer({ ...plan, onSocket: (socket) => this.#track(socket) }));
    this.#held = { agent, tls };
    return agent;
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    if (this.#closing.signal.aborted) socket.destroy();
  }

  get #headersTimeoutMs(): number {
    return this.#options.headersTimeoutMs ?? HEADERS_TIMEOUT_MS;
  }

  /** The promise's outcome, unless the request is given up first. */
  async #unlessGivenUp<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
    const signals = [signal, this.#closing.signal];
    let stop = (): void => undefined;
    const givenUp = new Promise<never>((_, reject) => {
      stop = (): void => reject(signals.find(({ aborted }) => aborted)?.reason);
      for (const each of signals) each.addEventListener('abort', stop);
      if (signals.some(({ aborted }) => aborted)) stop();
    });
    try {
      return await Promise.race([givenUp, promise]);
    } finally {
      for (const each of signals) each.removeEventListener('abort', stop);
    }
  }
}

function isSame(one: TlsMaterial, other: TlsMaterial): boolean {
  return (
    one.insecure === other.insecure &&
    one.certificate?.cert === other.certificate?.cert &&
    one.certificate?.key === other.certificate?.key &&
    one.authorities?.join() === other.authorities?.join()
  );
}

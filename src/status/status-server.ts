import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { StatusAddress } from '../config/proxy-config.js';
import type { Logger } from '../host/log.js';
import { hostPort } from '../model/endpoint.js';
import { KubeSpliceError, systemErrorCode } from '../model/errors.js';
import { type Answer, json, type Pages, text } from './page-answer.js';

/** What a client may cost. Times are milliseconds. */
export interface StatusServerLimits {
  /** Until the whole request is here. */
  readonly requestMs: number;
  /** Without a byte either way, answering included. */
  readonly idleMs: number;
  /** More than these at once are closed unanswered. */
  readonly connections: number;
  /** Answers in parts that may be under way at once; more are answered with 503. */
  readonly streams: number;
}

const LIMITS: StatusServerLimits = { requestMs: 5_000, idleMs: 10_000, connections: 256, streams: 32 };
const MAX_HEADER_BYTES = 8_192;
const METHODS = ['GET', 'HEAD'];

/** Serves pages. Every answer closes its connection, so that none outlives a stop. */
export class StatusServer {
  readonly #address: StatusAddress;
  readonly #log: Logger;
  readonly #pages: Pages;
  readonly #server: Server;
  readonly #limits: StatusServerLimits;
  #streams = 0;

  constructor(address: StatusAddress, pages: Pages, log: Logger, limits: StatusServerLimits = LIMITS) {
    this.#address = address;
    this.#log = log;
    this.#pages = pages;
    this.#limits = limits;
    this.#server = createServer(
      {
        headersTimeout: limits.requestMs,
        requestTimeout: limits.requestMs,
        connectionsCheckingInterval: Math.min(limits.requestMs, 1_000),
        maxHeaderSize: MAX_HEADER_BYTES,
      },
      (request, response) => void this.#handle(request, response),
    );
    this.#server.setTimeout(limits.idleMs);
    this.#server.maxConnections = limits.connections;
  }

  /**
   * Resolves with the address once it accepts; the port is the kernel's choice where 0 was asked for.
   *
   * @throws KubeSpliceError `STATUS_ADDRESS_IN_USE` where another program holds the port; `STATUS_ADDRESS_UNAVAILABLE`
   *   where the address is not this host's, or the port needs a privilege.
   */
  async start(): Promise<StatusAddress> {
    const { address, port } = this.#address;
    await new Promise<void>((resolve, reject) => {
      const refused = (error: Error) => reject(listenError(this.#address, error));
      this.#server.once('error', refused);
      this.#server.listen(port, address, () => {
        this.#server.off('error', refused);
        // Accepting can fail later, for lack of file descriptors: a page less, never the end of the process.
        this.#server.on('error', (error) => this.#log.detail(2, 'status server', { error: error.message }));
        resolve();
      });
    });
    const bound = this.#server.address();
    return { address, port: typeof bound === 'object' && bound !== null ? bound.port : port };
  }

  /** Stops listening and cuts what is still being answered. Harmless when repeated or never started. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const ended = new AbortController();
    response.once('close', () => ended.abort());
    const answer = this.#withRoom(await this.#answer(request, ended.signal));
    const { body } = answer;
    response.writeHead(answer.status, {
      'content-type': answer.contentType,
      ...(typeof body === 'string' ? { 'content-length': Buffer.byteLength(body) } : {}),
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
      ...answer.headers,
      connection: 'close',
    });
    if (typeof body === 'string') response.end(body);
    else if (request.method === 'HEAD') response.end();
    else await this.#stream(body, response);
  }

  #withRoom(answer: Answer): Answer {
    const { streams } = this.#limits;
    if (typeof answer.body === 'string' || this.#streams < streams) return answer;
    return text(503, `${streams} clients are shown something live already; try again later.\n`);
  }

  /** A client that goes is no failure, and what it has got can't be taken back: a failure leaves the answer cut short. */
  async #stream(parts: AsyncIterable<string | Buffer>, response: ServerResponse): Promise<void> {
    this.#streams += 1;
    try {
      await pipeline(Readable.from(parts), response);
    } catch (error) {
      const code = systemErrorCode(error);
      if (code !== 'ERR_STREAM_PREMATURE_CLOSE' && code !== 'ECONNRESET' && code !== 'EPIPE')
        this.#tellFailed(response.req.url ?? '', error);
    } finally {
      this.#streams -= 1;
    }
  }

  async #answer(request: IncomingMessage, signal: AbortSignal): Promise<Answer> {
    const { method = '', url = '' } = request;
    const path = url.replace(/[?#].*$/s, '');
    const page = this.#pages.get(path);
    if (page === undefined)
      return text(404, `No such page. There are: ${[...this.#pages.keys()].join(' ')}\n`);
    if (!METHODS.includes(method))
      return {
        ...text(405, `Only ${METHODS.join(' and ')} work here.\n`),
        headers: { allow: METHODS.join(', ') },
      };
    try {
      return await page({
        query: new URLSearchParams(/\?([^#]*)/.exec(url)?.[1] ?? ''),
        host: request.headers.host ?? '',
        remoteAddress: request.socket.remoteAddress ?? '',
        signal,
      });
    } catch (error) {
      const { code, message } = this.#tellFailed(path, error);
      return json(500, `${JSON.stringify({ code, error: message })}\n`);
    }
  }

  #tellFailed(path: string, error: unknown): { readonly code: string; readonly message: string } {
    const code = error instanceof KubeSpliceError ? error.code : (systemErrorCode(error) ?? 'INTERNAL');
    const message = error instanceof Error ? error.message : String(error);
    this.#log.error('a status page failed', { path, code, error: message });
    return { code, message };
  }
}

function listenError({ address, port }: StatusAddress, cause: Error): KubeSpliceError {
  const where = hostPort(address, port);
  if (systemErrorCode(cause) === 'EADDRINUSE') {
    return new KubeSpliceError('STATUS_ADDRESS_IN_USE', `another program listens on ${where} already`, {
      cause,
    });
  }
  return new KubeSpliceError('STATUS_ADDRESS_UNAVAILABLE', `cannot listen on ${where}: ${cause.message}`, {
    cause,
  });
}

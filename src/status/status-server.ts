import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { StatusAddress } from '../config/proxy-config.js';
import type { Logger } from '../host/log.js';
import { hostPort } from '../model/endpoint.js';
import { KubeSpliceError, systemErrorCode } from '../model/errors.js';

/** What a client may cost. Times are milliseconds. */
export interface StatusServerLimits {
  /** Until the whole request is here. */
  readonly requestMs: number;
  /** Without a byte either way, answering included. */
  readonly idleMs: number;
  /** More than these at once are closed unanswered. */
  readonly connections: number;
}

const LIMITS: StatusServerLimits = { requestMs: 5_000, idleMs: 10_000, connections: 256 };
const MAX_HEADER_BYTES = 8_192;
const METHODS = ['GET', 'HEAD'];

/** What a page answers. */
export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** By path; each is asked anew for every request. */
export type Pages = ReadonlyMap<string, () => Answer | Promise<Answer>>;

/** Serves pages. Every answer closes its connection, so that none outlives a stop. */
export class StatusServer {
  readonly #address: StatusAddress;
  readonly #log: Logger;
  readonly #pages: Pages;
  readonly #server: Server;

  constructor(address: StatusAddress, pages: Pages, log: Logger, limits: StatusServerLimits = LIMITS) {
    this.#address = address;
    this.#log = log;
    this.#pages = pages;
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
    const answer = await this.#answer(request);
    response.writeHead(answer.status, {
      'content-type': answer.contentType,
      'content-length': Buffer.byteLength(answer.body),
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
      ...(answer.status === 405 ? { allow: METHODS.join(', ') } : {}),
      connection: 'close',
    });
    response.end(answer.body);
  }

  async #answer({ method = '', url = '' }: IncomingMessage): Promise<Answer> {
    const path = url.replace(/[?#].*$/s, '');
    const page = this.#pages.get(path);
    if (page === undefined)
      return text(404, `No such page. There are: ${[...this.#pages.keys()].join(' ')}\n`);
    if (!METHODS.includes(method)) return text(405, `Only ${METHODS.join(' and ')} work here.\n`);
    try {
      return await page();
    } catch (error) {
      const code = error instanceof KubeSpliceError ? error.code : (systemErrorCode(error) ?? 'INTERNAL');
      const message = error instanceof Error ? error.message : String(error);
      this.#log.error('a status page failed', { path, code, error: message });
      return json(500, `${JSON.stringify({ code, error: message })}\n`);
    }
  }
}

/** An answer in JSON, which is text already. */
export function json(status: number, body: string): Answer {
  return { status, contentType: 'application/json', body };
}

/** An answer in plain text. */
export function text(status: number, body: string): Answer {
  return { status, contentType: 'text/plain; charset=utf-8', body };
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

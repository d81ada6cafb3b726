import { createServer, type Server, type ServerResponse } from 'node:http';
import { hostPort } from '../model/endpoint.js';
import { KubeSpliceError, systemErrorCode } from '../model/errors.js';
import type { ListenAddress } from './health-check-addresses.js';
import { type HealthCheck, healthCheckBody, healthCheckStatus } from './health-check-answer.js';

/** What a client may cost, as of the status server. Times are milliseconds. */
const REQUEST_MS = 5_000;
const IDLE_MS = 10_000;
const MAX_CONNECTIONS = 256;
const MAX_HEADER_BYTES = 8_192;

/** What the kernel says of `::` on a host without IPv6: there is no such family, or no such address. */
const NO_IPV6 = ['EAFNOSUPPORT', 'EADDRNOTAVAIL'];

/**
 * Answers the load balancers that ask for one Service, on one port of several addresses: whatever the path and the method
 * are, as kube-proxy does. Every answer closes its connection, so that none outlives a stop.
 */
export class HealthCheckServer {
  readonly #listening = new Map<string, Server>();
  #check: HealthCheck;

  /** @param isLeaving whether the node is to be sent nothing more, whatever endpoints it has. */
  constructor(
    check: HealthCheck,
    private readonly isLeaving: () => boolean = () => false,
  ) {
    this.#check = check;
  }

  get port(): number {
    return this.#check.port;
  }

  /** What is answered from now on; its port is the one from before. */
  tell(check: HealthCheck): void {
    this.#check = check;
  }

  /**
   * Listens on these addresses and on no others; those that it listens on already are not touched.
   *
   * @returns why it does not listen on one of them: `HEALTH_CHECK_PORT_IN_USE`, `HEALTH_CHECK_PORT_UNAVAILABLE`; it
   *   listens on the others then. Null where it does on all.
   */
  async listenOn(addresses: readonly ListenAddress[]): Promise<KubeSpliceError | null> {
    const wanted = new Set(addresses.map(({ address }) => address));
    const left = [...this.#listening].filter(([address]) => !wanted.has(address));
    for (const [address] of left) this.#listening.delete(address);
    await Promise.all(left.map(([, server]) => close(server)));
    let failure: KubeSpliceError | null = null;
    for (const where of addresses) {
      if (this.#listening.has(where.address)) continue;
      try {
        this.#listening.set(where.address, await this.#open(where));
      } catch (error) {
        failure ??= listenError(this.#check, where, error);
      }
    }
    return failure;
  }

  /** Stops listening and cuts what is still being answered. Harmless when repeated. */
  async stop(): Promise<void> {
    await this.listenOn([]);
  }

  async #open(where: ListenAddress): Promise<Server> {
    try {
      return await this.#listen(where);
    } catch (error) {
      const isEveryAddress = where.address === '::' && !where.ipv6Only;
      if (!isEveryAddress || !NO_IPV6.includes(systemErrorCode(error) ?? '')) throw error;
      return this.#listen({ address: '0.0.0.0', ipv6Only: false });
    }
  }

  #listen({ address, ipv6Only }: ListenAddress): Promise<Server> {
    const server = createServer(
      {
        headersTimeout: REQUEST_MS,
        requestTimeout: REQUEST_MS,
        connectionsCheckingInterval: 1_000,
        maxHeaderSize: MAX_HEADER_BYTES,
      },
      (_request, response) => this.#answer(response),
    );
    server.setTimeout(IDLE_MS);
    server.maxConnections = MAX_CONNECTIONS;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: address, port: this.port, exclusive: true, ipv6Only }, () => {
        server.off('error', reject);
        // Accepting can fail later, for lack of file descriptors: an answer less, never the end of the process.
        server.on('error', () => undefined);
        resolve(server);
      });
    });
  }

  #answer(response: ServerResponse): void {
    const body = healthCheckBody(this.#check);
    response.writeHead(this.isLeaving() ? 503 : healthCheckStatus(this.#check), {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
      connection: 'close',
    });
    response.end(body);
  }
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

function listenError(
  { namespace, service, port }: HealthCheck,
  { address }: ListenAddress,
  cause: unknown,
): KubeSpliceError {
  const what = `${namespace}/${service}: healthCheckNodePort ${port}`;
  const where = hostPort(address, port);
  if (systemErrorCode(cause) === 'EADDRINUSE')
    return new KubeSpliceError('HEALTH_CHECK_PORT_IN_USE', `${what}: ${where} is in use`, { cause });
  const why = cause instanceof Error ? cause.message : String(cause);
  return new KubeSpliceError('HEALTH_CHECK_PORT_UNAVAILABLE', `${what}: cannot listen on ${where}: ${why}`, {
    cause,
  });
}

import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';

/** What a server shows, and what it asks of its clients. All PEM. */
export interface ServerTls {
  readonly key: string;
  readonly certificate: string;
  /** Where it is given, clients are asked for a certificate; one that this CA did not issue is not believed. */
  readonly clientCa?: string;
}

/** Beyond what a client leaves a connection idle. */
const KEEP_ALIVE_MS = 180_000;

/** A port that HTTP/1.1, or HTTPS, is spoken on; it can be closed and opened again. */
export class Listener {
  readonly #host: string;
  readonly #handle: RequestListener;
  readonly #sockets = new Set<Socket>();
  #tls: ServerTls | undefined;
  #port: number;
  #server: Server | null = null;

  constructor(host: string, port: number, tls: ServerTls | undefined, handle: RequestListener) {
    this.#host = host;
    this.#port = port;
    this.#tls = tls;
    this.#handle = handle;
  }

  get url(): string {
    const host = this.#host.includes(':') ? `[${this.#host}]` : this.#host;
    return `${this.#tls === undefined ? 'http' : 'https'}://${host}:${this.#port}`;
  }

  get port(): number {
    return this.#port;
  }

  /** How many connections are open. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Another certificate, for connections from now on. */
  set tls(tls: ServerTls) {
    this.#tls = tls;
    if (this.#server !== null && 'setSecureContext' in this.#server)
      (this.#server as ReturnType<typeof createTlsServer>).setSecureContext(secureContext(tls));
  }

  /** Opens the port; the same one each time. */
  async open(): Promise<void> {
    const server =
      this.#tls === undefined
        ? createServer(this.#handle)
        : createTlsServer({ ...secureContext(this.#tls), ...clientCertificates(this.#tls) }, this.#handle);
    server.keepAliveTimeout = KEEP_ALIVE_MS;
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.once('close', () => this.#sockets.delete(socket));
    });
    server.on('clientError', (_error, socket) => socket.destroy());
    server.listen(this.#port, this.#host);
    await once(server, 'listening');
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Closes the port, and every connection. */
  async close(): Promise<void> {
    const server = this.#server;
    if (server === null) return;
    this.#server = null;
    const closed = once(server, 'close');
    server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

function secureContext({ key, certificate, clientCa }: ServerTls): {
  key: string;
  cert: string;
  ca?: string;
} {
  return { key, cert: certificate, ...(clientCa === undefined ? {} : { ca: clientCa }) };
}

/** A client without a certificate is let in, and refused with 401: so does an API server. */
function clientCertificates({ clientCa }: ServerTls): { requestCert: boolean; rejectUnauthorized: false } {
  return { requestCert: clientCa !== undefined, rejectUnauthorized: false };
}

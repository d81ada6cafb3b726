import { connect, type Socket } from 'node:net';
import { hostPort } from '../../../model/endpoint.js';
import { connectionError, connectionFault, unreachable } from './connection-error.js';
import { type ProxyAddress, proxyText } from './proxy-address.js';
import { openTunnel } from './proxy-tunnel.js';
import type { ServerAddress } from './server-address.js';
import { beginTls, handshake, type TlsMaterial } from './tls-handshake.js';

/** Where a connection goes, and what it is made with. */
export interface ConnectionPlan {
  readonly server: ServerAddress;
  readonly proxy: ProxyAddress | null;
  /** The name in the server's certificate, where it is another one than its host. */
  readonly serverName: string | null;
  readonly tls: TlsMaterial;
  /** Milliseconds since the epoch: what a certificate that has expired is compared with in words. */
  readonly now: () => number;
  /** Milliseconds for all of it. */
  readonly timeoutMs: number;
  /** Told of each socket at once: whoever holds it can end the attempt by destroying it. */
  readonly onSocket: (socket: Socket) => void;
}

/** How long a connection is idle before TCP asks whether the other side is still there, ms. */
const KEEP_ALIVE_MS = 30_000;

/** The authorities of an https proxy are those that come with Node: those of the cluster have no say in it. */
const PROXY_TLS: TlsMaterial = { authorities: null, certificate: null, insecure: false };

/**
 * A connection to the server on which a request can be sent: TCP, where there is a proxy a tunnel through it, TLS.
 *
 * @throws KubeSpliceError `APISERVER_UNREACHABLE`, `APISERVER_CERTIFICATE_REJECTED`, `APISERVER_MALFORMED`,
 *   `APISERVER_UNAUTHORIZED`.
 */
export async function connectToServer(plan: ConnectionPlan): Promise<Socket> {
  const { server, timeoutMs } = plan;
  let newest: Socket | null = null;
  const onSocket = (socket: Socket): void => {
    // Node has its own way to tell; without a listener an error between two steps would end the process.
    socket.on('error', () => undefined);
    newest = socket;
    plan.onSocket(socket);
  };
  const late = unreachable(hostPort(server.host, server.port), `no connection within ${timeoutMs / 1000} s`);
  const timer = setTimeout(() => newest?.destroy(late), timeoutMs);
  try {
    return await connectSteps({ ...plan, onSocket });
  } catch (error) {
    (newest as Socket | null)?.destroy();
    throw connectionError(error, server);
  } finally {
    clearTimeout(timer);
  }
}

async function connectSteps(plan: ConnectionPlan): Promise<Socket> {
  const { server, proxy, serverName, tls, onSocket } = plan;
  const first = proxy === null ? await tcp(server, onSocket) : await toProxy(proxy, plan);
  if (proxy !== null) await openTunnel(first, proxy, server);
  if (!server.secure) return first;
  const where = hostPort(server.host, server.port);
  return await secured(first, { name: serverName ?? server.host, where, tls }, plan);
}

async function toProxy(proxy: ProxyAddress, plan: ConnectionPlan): Promise<Socket> {
  const where = proxyText(proxy);
  try {
    const socket = await tcp(proxy, plan.onSocket);
    if (proxy.kind !== 'https') return socket;
    return await secured(socket, { name: proxy.host, where, tls: PROXY_TLS }, plan);
  } catch (error) {
    const { host, port } = plan.server;
    const why = `its proxy ${where} cannot be used: ${connectionFault(error)}`;
    throw unreachable(hostPort(host, port), why, error);
  }
}

async function secured(
  socket: Socket,
  { name, where, tls }: { readonly name: string; readonly where: string; readonly tls: TlsMaterial },
  { now, onSocket }: ConnectionPlan,
): Promise<Socket> {
  const secure = beginTls(socket, name, tls);
  onSocket(secure);
  await handshake(secure, { name, where, now });
  return secure;
}

function tcp(
  { host, port }: { readonly host: string; readonly port: number },
  onSocket: (socket: Socket) => void,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
    });
    onSocket(socket);
    const onClose = (): void => reject(new Error('the connection was given up'));
    socket.once('error', reject);
    socket.once('close', onClose);
    socket.once('connect', () => {
      socket.off('error', reject);
      socket.off('close', onClose);
      resolve(socket);
    });
  });
}

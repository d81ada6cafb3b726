import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { KubeSpliceError, systemErrorCode } from '../model/errors.js';
import type { Protocol } from '../model/service-port.js';

/** A port that no other program can bind as long as it is held. */
export interface HeldPort {
  /** Resolves once others can have the port. Harmless when repeated. */
  release(): Promise<void>;
}

/** As {@link holdPort}. */
export type HoldPort = (protocol: Protocol, port: number) => Promise<HeldPort>;

const EVERY_IPV4 = '0.0.0.0';
const EVERY_IPV6 = '::';

/** What the kernel says of `::` on a host without IPv6: there is no such family, or no such address. */
const NO_IPV6 = ['EAFNOSUPPORT', 'EADDRNOTAVAIL'];

type Close = () => Promise<void>;

/**
 * Holds a port of every address of this host. Nothing arrives at the sockets as long as packet rules send it elsewhere;
 * what does is not served: connections are reset, datagrams are dropped.
 *
 * @throws KubeSpliceError `NODE_PORT_IN_USE` where another socket has the port, be it on one address only or as the local
 *   port of a connection; `NODE_PORT_UNAVAILABLE` where it can't be had for another reason, such as a missing privilege.
 */
export async function holdPort(protocol: Protocol, port: number): Promise<HeldPort> {
  try {
    const close = await (protocol === 'TCP' ? holdTcp(port) : holdUdp(port));
    let closed: Promise<void> | undefined;
    return {
      release: () => {
        closed ??= close();
        return closed;
      },
    };
  } catch (cause) {
    throw holdError(protocol, port, cause);
  }
}

/** One socket for both families, where there are both. */
async function holdTcp(port: number): Promise<Close> {
  return (await withoutIPv6(() => listen(EVERY_IPV6, port))) ?? listen(EVERY_IPV4, port);
}

/**
 * A socket for each family: whether one for `::` would take IPv4 as well is for `net.ipv6.bindv6only` to say, which Node
 * overrules for TCP alone.
 */
async function holdUdp(port: number): Promise<Close> {
  const closeIPv4 = await bind(EVERY_IPV4, port);
  try {
    const closeIPv6 = await withoutIPv6(() => bind(EVERY_IPV6, port));
    return async () => {
      await Promise.all([closeIPv4(), closeIPv6?.()]);
    };
  } catch (error) {
    await closeIPv4();
    throw error;
  }
}

/** What it comes to; undefined where this host has no IPv6. */
async function withoutIPv6(open: () => Promise<Close>): Promise<Close | undefined> {
  try {
    return await open();
  } catch (error) {
    if (NO_IPV6.includes(systemErrorCode(error) ?? '')) return undefined;
    throw error;
  }
}

function listen(host: string, port: number): Promise<Close> {
  const server = createServer({ pauseOnConnect: true }, (client) => {
    client.on('error', () => undefined);
    client.resetAndDestroy();
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    // `exclusive`: never shared with cluster workers. `ipv6Only` false makes `::` a socket for both families.
    server.listen({ host, port, exclusive: true, ipv6Only: false }, () => {
      server.off('error', reject);
      // A failed accept concerns a client that was not to be served anyway.
      server.on('error', () => undefined);
      resolve(() => new Promise((closed) => server.close(() => closed())));
    });
  });
}

function bind(address: string, port: number): Promise<Close> {
  // Nobody listens for messages: each is read and dropped.
  const socket =
    address === EVERY_IPV6 ? createSocket({ type: 'udp6', ipv6Only: true }) : createSocket({ type: 'udp4' });
  return new Promise((resolve, reject) => {
    const refused = (error: Error): void => {
      socket.close();
      reject(error);
    };
    socket.once('error', refused);
    socket.bind({ address, port, exclusive: true }, () => {
      socket.off('error', refused);
      socket.on('error', () => undefined);
      resolve(() => new Promise((closed) => socket.close(() => closed())));
    });
  });
}

function holdError(protocol: Protocol, port: number, cause: unknown): KubeSpliceError {
  const what = `node port ${port}/${protocol}`;
  if (systemErrorCode(cause) === 'EADDRINUSE')
    return new KubeSpliceError('NODE_PORT_IN_USE', `${what} is in use`, { cause });
  const why = cause instanceof Error ? cause.message : String(cause);
  return new KubeSpliceError('NODE_PORT_UNAVAILABLE', `${what} can't be held: ${why}`, { cause });
}

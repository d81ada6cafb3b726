import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type IPFamily, isLoopback, parseAddress } from '../model/address.js';
import { systemErrorCode } from '../model/errors.js';
import { hostInterfaces, type Interfaces } from './local-addresses.js';

/** Addresses that nobody has (RFC 5737, RFC 3849): the way there is that of the default route. */
const FAR_AWAY: Readonly<Record<IPFamily, string>> = { IPv4: '192.0.2.1', IPv6: '2001:db8::1' };
const DISCARD_PORT = 9;

const SOCKET_TYPES = { IPv4: 'udp4', IPv6: 'udp6' } as const;

/**
 * Which address of this host is the node's own in a family: the one that its cluster knows it by, else the one that the
 * default route leaves from, else the first that is not loopback.
 */
export class NodeAddresses {
  readonly #routed = new Map<IPFamily, string>();
  #hasIPv6 = false;

  /**
   * @param known the node's addresses as its cluster has them, in the order of preference.
   * @param interfaces the addresses of this host.
   */
  constructor(
    private readonly known: () => readonly string[],
    private readonly interfaces: () => Interfaces = hostInterfaces,
  ) {}

  /**
   * Asks the kernel for its default routes once more. No packet is sent: a datagram socket that connects looks up only. Where it
   * can't be asked, what it told last is kept. Never rejects, once it has been asked.
   */
  async refresh(sourceTowards: (family: IPFamily) => Promise<string | null> = routedSource): Promise<void> {
    this.#hasIPv6 = this.localAddresses('IPv6').length > 0;
    for (const family of ['IPv4', 'IPv6'] as const) {
      const source = await sourceTowards(family).catch(() => undefined);
      if (source === undefined) continue;
      if (source === null) this.#routed.delete(family);
      else this.#routed.set(family, source);
    }
  }

  /** Null where this host has no address of the family but loopback. */
  nodeAddress(family: IPFamily): string | null {
    const local = this.localAddresses(family);
    const known = this.known().find((address) => local.includes(address));
    const routed = this.#routed.get(family);
    if (known !== undefined) return known;
    if (routed !== undefined && local.includes(routed)) return routed;
    return local.find((address) => !isLoopback(address) && !isLinkLocal(address)) ?? null;
  }

  /** Whether this host has IPv6 at all, as of the last `refresh`: asked for each portal, it is not to look each time. */
  get hasIPv6(): boolean {
    return this.#hasIPv6;
  }

  /** Every address of this host, loopback too, in canonical text. */
  localAddresses(family: IPFamily): readonly string[] {
    const found = Object.values(this.interfaces())
      .flatMap((addresses) => addresses ?? [])
      .map(({ address }) => parseAddress(address))
      .filter((parsed) => parsed?.family === family)
      .map((parsed) => parsed?.address ?? '');
    return [...new Set(found)];
  }
}

/** Errors that tell of the process or the kernel, not of a route (socket(2)). */
const CANNOT_BE_ASKED: readonly (string | undefined)[] = ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM'];

/** The address that a packet to far away would leave from; null where there is no route. Rejects where that can't be asked. */
async function routedSource(family: IPFamily): Promise<string | null> {
  const socket = createSocket(SOCKET_TYPES[family]);
  try {
    socket.connect(DISCARD_PORT, FAR_AWAY[family]);
    await once(socket, 'connect');
    return parseAddress(socket.address().address)?.address ?? null;
  } catch (error) {
    if (CANNOT_BE_ASKED.includes(systemErrorCode(error))) throw error;
    return null;
  } finally {
    socket.close();
  }
}

/** They mean nothing without their interface. */
function isLinkLocal(address: string): boolean {
  return address.startsWith('fe80:') || address.startsWith('169.254.');
}

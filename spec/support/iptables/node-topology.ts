import { bitsOfAddress, isInCIDR } from './addresses.js';

/** An interface of a node. */
export interface NodeInterface {
  readonly name: string;
  /** With prefix lengths, the primary one of each family first: `172.30.0.1/24`. */
  readonly addresses: readonly string[];
}

/** From where packets come. */
export interface Place {
  /** What they come in by; null where they are made on the node. */
  readonly interface: string | null;
  /** The address of who sends them; what the kernel chooses where it is left out (on the node only). */
  readonly source?: Partial<Readonly<Record<'IPv4' | 'IPv6', string>>>;
  /** Whether they pass a bridge port first, and netfilter sees that (`bridge-nf-call-iptables`). */
  readonly isBridged?: boolean;
}

/** A node as packets see it. */
export interface NodeTopology {
  readonly interfaces: readonly NodeInterface[];
  /** Where packets leave that are for no network of an interface. */
  readonly defaultInterface: string;
  readonly places: Readonly<Record<string, Place>>;
  /** `net.ipv4.conf.all.route_localnet` */
  readonly routeLocalnet?: boolean;
}

/** A node with one network, and pods on a bridge: `172.30.0.1` is the node of the recorded rules of kube-proxy. */
export const NODE = {
  interfaces: [
    { name: 'lo', addresses: ['127.0.0.1/8', '::1/128'] },
    { name: 'eth0', addresses: ['172.30.0.1/24', 'fd00:172:30::1/64'] },
    { name: 'cni0', addresses: ['10.244.1.1/24', 'fd00:10:244:1::1/64'] },
  ],
  defaultInterface: 'eth0',
  places: {
    host: { interface: null },
    pod: {
      interface: 'cni0',
      source: { IPv4: '10.244.1.5', IPv6: 'fd00:10:244:1::5' },
      isBridged: true,
    },
    outside: { interface: 'eth0', source: { IPv4: '172.30.0.77', IPv6: 'fd00:172:30::77' } },
  },
} as const satisfies NodeTopology;

/** Whether packets to an address end on the node: all of 127.0.0.0/8 does. */
export function isLocal(address: string, node: NodeTopology): boolean {
  if (isInCIDR(address, '127.0.0.0/8')) return true;
  return node.interfaces.some(({ addresses }) => addresses.some((each) => isSame(bare(each), address)));
}

/** The first address of an interface in the family of another; of IPv6, of the same kind as that: link-local, or not. */
export function primaryAddress(name: string, like: string, node: NodeTopology): string | null {
  const found = node.interfaces.find((each) => each.name === name);
  const ofFamily = (found?.addresses ?? [])
    .map(bare)
    .filter((each) => each.includes(':') === like.includes(':'));
  return ofFamily.find((each) => isLinkLocal(each) === isLinkLocal(like)) ?? null;
}

/** The interface that a packet to an address off the node leaves by. */
export function interfaceTo(address: string, node: NodeTopology): string {
  const onLink = node.interfaces.find(({ addresses }) => addresses.some((each) => isInCIDR(address, each)));
  return onLink?.name ?? node.defaultInterface;
}

/** The address that the kernel sends from. */
export function sourceFor(destination: string, node: NodeTopology): string | null {
  return isLocal(destination, node)
    ? destination
    : primaryAddress(interfaceTo(destination, node), destination, node);
}

export function isLoopback(address: string): boolean {
  return isInCIDR(address, '127.0.0.0/8') || isInCIDR(address, '::1/128');
}

function isLinkLocal(address: string): boolean {
  return isInCIDR(address, 'fe80::/10');
}

function bare(cidr: string): string {
  return cidr.split('/')[0] ?? '';
}

function isSame(a: string, b: string): boolean {
  return a.includes(':') === b.includes(':') && bitsOfAddress(a) === bitsOfAddress(b);
}

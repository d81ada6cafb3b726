import {
  collapseIPv6Number,
  IPv4,
  IPv4CidrRange,
  IPv4Prefix,
  IPv6,
  IPv6CidrRange,
  IPv6Prefix,
  Validator,
} from 'ip-num';

/** Kubernetes' own word for it (`spec.ipFamilies`). */
export type IPFamily = 'IPv4' | 'IPv6';

/** An IP address in its one canonical text: RFC 5952 for IPv6. Two addresses are the same when their texts are. */
export interface Address {
  readonly address: string;
  readonly family: IPFamily;
}

/** A block of addresses. */
export interface CIDR {
  /** `address/prefixLength`, the bits after the prefix cleared. */
  readonly cidr: string;
  /** The first address of the block. */
  readonly address: string;
  readonly prefixLength: number;
  readonly family: IPFamily;
}

/** The longest text an address has, `0000:0000:0000:0000:0000:ffff:255.255.255.255`: what is longer need not be parsed. */
const LONGEST_ADDRESS = 45;

/** Eighty zero bits, then sixteen ones: an IPv4 address in IPv6 form (RFC 4291, section 2.5.5.2), as RFC 5952 writes it. */
const IPV4_MAPPED = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/;

/**
 * The address that this text is, or `undefined` where it is none.
 *
 * Strict as Go's `net.ParseIP`, which Kubernetes uses: no leading zeros (`010.0.0.1`), no short forms (`10.1`), no
 * zone (`fe80::1%eth0`), no spaces, no port, no prefix. An IPv4-mapped IPv6 address (`::ffff:10.0.0.1`) is the IPv4
 * address it maps, as in Go: the kernel sends both to the same place.
 */
export function parseAddress(text: string): Address | undefined {
  if (text.length > LONGEST_ADDRESS) return undefined;
  if (text.includes(':')) return parseIPv6(text);
  return Validator.isValidIPv4String(text)[0] ? { address: text, family: 'IPv4' } : undefined;
}

/**
 * The block that this text (`10.0.0.0/8`, `fd00::/64`) is, or `undefined` where it is none. Bits after the prefix are
 * cleared, as Go's `net.ParseCIDR` does. IPv4-mapped blocks are refused: it would not be clear what the prefix counts.
 */
export function parseCIDR(text: string): CIDR | undefined {
  const slash = text.indexOf('/');
  const length = text.slice(slash + 1);
  if (slash === -1 || !/^(0|[1-9]\d{0,2})$/.test(length)) return undefined;
  const written = text.slice(0, slash);
  const parsed = parseAddress(written);
  const prefixLength = Number(length);
  if (parsed === undefined || prefixLength > bitsOf(parsed.family)) return undefined;
  if (parsed.family === 'IPv4' && written.includes(':')) return undefined;
  const address = firstOf(parsed, prefixLength);
  return { cidr: `${address}/${prefixLength}`, address, prefixLength, family: parsed.family };
}

function parseIPv6(text: string): Address | undefined {
  const canonical = collapse(text.toLowerCase());
  if (canonical === undefined) return undefined;
  const mapped = IPV4_MAPPED.exec(canonical);
  if (mapped === null) return { address: canonical, family: 'IPv6' };
  const [high, low] = [Number.parseInt(mapped[1] ?? '', 16), Number.parseInt(mapped[2] ?? '', 16)];
  return { address: `${high >> 8}.${high & 0xff}.${low >> 8}.${low & 0xff}`, family: 'IPv4' };
}

function collapse(text: string): string | undefined {
  // ip-num takes a prefix and a zone here; neither is part of an address.
  if (text.includes('/') || text.includes('%')) return undefined;
  try {
    return collapseIPv6Number(text);
  } catch {
    return undefined;
  }
}

function bitsOf(family: IPFamily): number {
  return family === 'IPv4' ? 32 : 128;
}

function firstOf({ address, family }: Address, prefixLength: number): string {
  const bits = BigInt(prefixLength);
  if (family === 'IPv4')
    return new IPv4CidrRange(new IPv4(address), new IPv4Prefix(bits)).getFirst().toString();
  return collapseIPv6Number(new IPv6CidrRange(new IPv6(address), new IPv6Prefix(bits)).getFirst().toString());
}

const LOOPBACK_OF_UNSPECIFIED: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

/** Where a client on this host reaches what listens on `address`: loopback where that is every address. */
export function reachableAddress(address: string): string {
  return LOOPBACK_OF_UNSPECIFIED[address] ?? address;
}

/** RFC 1122, section 3.2.1.3 (g), and RFC 4291, section 2.5.3. */
export function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}

/** The CIDRs of one family; what is no CIDR is left out. */
export function cidrsOfFamily(cidrs: readonly string[], family: IPFamily): readonly CIDR[] {
  return cidrs.map(parseCIDR).filter((cidr): cidr is CIDR => cidr?.family === family);
}

import type { IPFamily } from '../../model/address.js';
import type { Protocol } from '../../model/service-port.js';

/** The table of ours, in each family that has one. Names of sets stay below 16 characters, for kernels before 4.7. */
export const TABLE = 'kube-splice';

/** What nft calls the things of one family (nft(8)). */
export interface FamilyWords {
  readonly table: 'ip' | 'ip6';
  readonly addressType: 'ipv4_addr' | 'ipv6_addr';
  readonly source: 'ip saddr' | 'ip6 saddr';
  readonly destination: 'ip daddr' | 'ip6 daddr';
}

export const FAMILY_WORDS: Readonly<Record<IPFamily, FamilyWords>> = {
  IPv4: { table: 'ip', addressType: 'ipv4_addr', source: 'ip saddr', destination: 'ip daddr' },
  IPv6: { table: 'ip6', addressType: 'ipv6_addr', source: 'ip6 saddr', destination: 'ip6 daddr' },
};

/** IANA's numbers: `nft -nn` prints no names. */
export const PROTOCOL_NUMBERS: Readonly<Record<Protocol, string>> = { TCP: '6', UDP: '17' };

/** `null` where a socket that listens there gets nothing of this family; `all` where it listens on every address. */
export function listeningAddress(address: string, family: IPFamily): string | 'all' | null {
  if (address === '::') return 'all';
  if (address.includes(':') !== (family === 'IPv6')) return null;
  return address === '0.0.0.0' ? 'all' : address;
}

import type { IPFamily } from '../../../src/model/address.js';

/** Which of its two ways into the kernel an iptables program takes: each has a ruleset of its own. */
export type Variant = 'legacy' | 'nft';

export type Table = 'filter' | 'nat' | 'mangle' | 'raw';

/** What a packet must be, or with `not` what it must not be. */
export interface Condition<T> {
  readonly value: T;
  readonly not: boolean;
}

/** Addresses that are equal to `bits` where `mask` has ones. */
export interface AddressBlock {
  readonly bits: bigint;
  readonly mask: bigint;
  readonly text: string;
}

/** Both ends are in it. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** The states of a connection that `-m state` and `-m conntrack` name, in the order in which they are printed. */
export const CONNECTION_STATES = [
  'INVALID',
  'NEW',
  'RELATED',
  'ESTABLISHED',
  'UNTRACKED',
  'SNAT',
  'DNAT',
] as const;
export type ConnectionState = (typeof CONNECTION_STATES)[number];

/** Kinds of address (`linux/netfilter/xt_addrtype.h`) in the order in which they are printed. */
export const ADDRESS_TYPES = ['UNSPEC', 'UNICAST', 'LOCAL', 'BROADCAST', 'ANYCAST', 'MULTICAST'] as const;
export type AddressType = (typeof ADDRESS_TYPES)[number];

export const BRIDGE_PASSAGES = ['is-in', 'is-out', 'is-bridged'] as const;
export type BridgePassage = (typeof BRIDGE_PASSAGES)[number];

/** One `-m`. */
export type Match =
  | { readonly kind: 'comment'; readonly text: string }
  | {
      readonly kind: 'tcp' | 'udp';
      readonly source: Condition<PortRange> | null;
      readonly destination: Condition<PortRange> | null;
    }
  | {
      readonly kind: 'multiport';
      readonly side: 'sports' | 'dports' | 'ports';
      readonly ports: Condition<readonly PortRange[]>;
    }
  | {
      readonly kind: 'addrtype';
      readonly source: Condition<readonly AddressType[]> | null;
      readonly destination: Condition<readonly AddressType[]> | null;
    }
  | { readonly kind: 'state' | 'conntrack'; readonly states: Condition<readonly ConnectionState[]> }
  | { readonly kind: 'physdev'; readonly passages: readonly Condition<BridgePassage>[] }
  | { readonly kind: 'mark'; readonly mark: Condition<{ readonly value: number; readonly mask: number }> };

export type MatchName = Match['kind'];

/** What stands behind `-j` or `-g`. */
export type Target =
  | { readonly kind: 'ACCEPT' | 'DROP' | 'RETURN' }
  | { readonly kind: 'REJECT'; readonly with: string }
  | { readonly kind: 'REDIRECT'; readonly ports: PortRange | null; readonly flags: readonly string[] }
  | {
      readonly kind: 'DNAT';
      readonly address: string | null;
      readonly ports: PortRange | null;
      readonly flags: readonly string[];
    }
  | { readonly kind: 'MASQUERADE'; readonly ports: PortRange | null; readonly flags: readonly string[] }
  | { readonly kind: 'MARK'; readonly value: number; readonly mask: number }
  | { readonly kind: 'chain'; readonly chain: string; readonly goto: boolean };

export type TargetName = Exclude<Target['kind'], 'chain'>;

/** A rule, all of it understood. */
export interface Rule {
  readonly source: Condition<AddressBlock> | null;
  readonly destination: Condition<AddressBlock> | null;
  readonly inInterface: Condition<string> | null;
  readonly outInterface: Condition<string> | null;
  /** `tcp`, `udp`, `icmp`, or a number that has no name. */
  readonly protocol: Condition<string> | null;
  readonly matches: readonly Match[];
  readonly target: Target | null;
}

/** What tells how the words of a rule are to be read. */
export interface RuleReading {
  readonly family: IPFamily;
  readonly table: Table;
  readonly chain: string;
  /** Whether a name is that of a chain of the table. */
  readonly isChain: (name: string) => boolean;
  /** Throws the refusal of a program that has no such match or target. */
  readonly load: (what: 'match' | 'target', name: string) => void;
}

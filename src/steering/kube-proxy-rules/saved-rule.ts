import { type CIDR, type IPFamily, parseCIDR } from '../../model/address.js';
import { type RuleOption, ruleOptions } from '../iptables/rule-options.js';
import type { SavedTable } from '../iptables/saved-rules.js';
import type { ServedWay } from './served-way.js';

/** What matters of a rule of kube-proxy; null for what it does not have. */
export interface KubeProxyRule {
  readonly protocol: ServedWay['protocol'] | null;
  /** Of one address, that address; where it is negated, or of more, null as well. */
  readonly destination: string | null;
  readonly port: number | null;
  /** A CIDR in canonical text; null also where it is negated. */
  readonly source: string | null;
  readonly comment: string | null;
  /** Whether it is only for what was sent from this node. */
  readonly isFromNode: boolean;
  /** Whether it is only for what was sent to an address of this node. */
  readonly isToNode: boolean;
  /** Only for clients that were here so many seconds ago at most (`-m recent --rcheck`). */
  readonly recentSeconds: number | null;
  /** A chain, or what is done. */
  readonly jump: string;
  /** Of DNAT: `address:port`. */
  readonly toDestination: string | null;
  /** Of REJECT. */
  readonly rejectWith: string | null;
  /** Whether it asks an ipset, as those of IPVS mode do. */
  readonly asksSet: boolean;
}

const PROTOCOLS: ReadonlyMap<string, ServedWay['protocol']> = new Map([
  ['tcp', 'TCP'],
  ['udp', 'UDP'],
  ['sctp', 'SCTP'],
]);

/** The rules of a chain; none where there is no such chain. */
export function rulesOfChain(table: SavedTable | undefined, chain: string): readonly KubeProxyRule[] {
  return (table?.get(chain) ?? []).map(kubeProxyRule);
}

/** Reads a rule as iptables-save prints it, of whatever release (iptables-extensions(8)). */
export function kubeProxyRule(rule: string): KubeProxyRule {
  const { options } = ruleOptions(rule);
  const option = (...names: readonly string[]): RuleOption | undefined =>
    options.find(({ name }) => names.includes(name));
  const textOf = (...names: readonly string[]): string | null => {
    const found = option(...names);
    return found === undefined || found.negated ? null : (found.values[0] ?? null);
  };
  const numberOf = (name: string): number | null => {
    const text = textOf(name);
    return text !== null && /^\d+$/.test(text) ? Number(text) : null;
  };
  const destination = cidrOf(textOf('-d'));
  return {
    protocol: PROTOCOLS.get(textOf('-p') ?? '') ?? null,
    destination: destination !== null && isOneAddress(destination) ? destination.address : null,
    port: numberOf('--dport'),
    source: cidrOf(textOf('-s'))?.cidr ?? null,
    comment: textOf('--comment'),
    isFromNode: textOf('--src-type') === 'LOCAL',
    isToNode: textOf('--dst-type') === 'LOCAL',
    recentSeconds: option('--rcheck', '--update') === undefined ? null : numberOf('--seconds'),
    jump: textOf('-j', '-g') ?? '',
    toDestination: textOf('--to-destination'),
    rejectWith: textOf('--reject-with'),
    asksSet: option('--match-set') !== undefined,
  };
}

/**
 * The service port that a comment begins with, `default/web:http cluster IP`; null where it is another text. Until 1.20 one whose port has
 * no name had the colon all the same.
 */
export function servicePortOfComment(comment: string | null): string | null {
  const [, name = null] = /^([a-z0-9.-]+\/[a-z0-9.-]+(?::[a-z0-9-]+)?):?(?: |$)/.exec(comment ?? '') ?? [];
  return name;
}

const BITS: Readonly<Record<IPFamily, number>> = { IPv4: 32, IPv6: 128 };

function cidrOf(text: string | null): CIDR | null {
  return text === null ? null : (parseCIDR(text) ?? null);
}

function isOneAddress({ family, prefixLength }: CIDR): boolean {
  return prefixLength === BITS[family];
}

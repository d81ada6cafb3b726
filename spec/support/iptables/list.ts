import type { IPFamily } from '../../../src/model/address.js';
import { portsText } from './ports.js';
import { ruleText } from './print-rule.js';
import { NotImitated } from './refusal.js';
import type { AddressBlock, Condition, Match, Rule, Target } from './rule.js';
import type { Chains, CountedRule } from './ruleset.js';

/** What `iptables -L CHAIN -n` prints, with `-v -x` too where those are given. */
export function listChain(
  name: string,
  chains: Chains,
  listing: ReadonlySet<string>,
  family: IPFamily,
): string {
  const chain = chains.get(name);
  if (chain === undefined) throw new NotImitated(`the list of ${name}, which is no chain`);
  const isVerbose = listing.has('verbose');
  if (!listing.has('numeric') || (isVerbose && !listing.has('exact')) || listing.has('line numbers'))
    throw new NotImitated(`iptables -L with ${[...listing].join(', ')}`);
  const { policy, packets, bytes, rules } = chain;
  const counted = isVerbose ? ` ${packets} packets, ${bytes} bytes` : '';
  const title = policy === null ? `${references(name, chains)} references` : `policy ${policy}${counted}`;
  const columns = isVerbose
    ? '    pkts      bytes target     prot opt in     out     source               destination         '
    : 'target     prot opt source               destination         ';
  const lines = rules.map((rule) => line(rule, isVerbose, family));
  return [`Chain ${name} (${title})`, columns, ...lines, ''].join('\n');
}

function references(name: string, chains: Chains): number {
  const rules = [...chains.values()].flatMap((chain) => chain.rules);
  return rules.filter(({ rule }) => rule.target?.kind === 'chain' && rule.target.chain === name).length;
}

function line({ rule, packets, bytes }: CountedRule, isVerbose: boolean, family: IPFamily): string {
  const counters = `${String(packets).padStart(8)} ${String(bytes).padStart(8)} `;
  const protocol = `${rule.protocol?.not === true ? '!' : ''}${numberOf(rule.protocol?.value)}`;
  return [
    isVerbose ? counters : '',
    `${targetName(rule.target).padEnd(9)}  ${protocol.padEnd(4)} -- `,
    isVerbose ? ` ${interfaceText(rule.inInterface)} ${interfaceText(rule.outInterface)} ` : '',
    `${blockText(rule.source, family)}${blockText(rule.destination, family)}`,
    details(rule),
  ].join('');
}

const NUMBERS: Readonly<Record<string, number>> = { tcp: 6, udp: 17, icmp: 1, 'ipv6-icmp': 58, sctp: 132 };

function numberOf(protocol: string | undefined): number {
  if (protocol === undefined) return 0;
  const number = NUMBERS[protocol];
  if (number === undefined) throw new NotImitated(`the number of ${protocol}`);
  return number;
}

function targetName(target: Target | null): string {
  if (target === null) return '';
  return target.kind === 'chain' ? target.chain : target.kind;
}

function interfaceText(name: Condition<string> | null): string {
  return `${name?.not === true ? '!' : ''}${name?.value ?? '*'}`.padEnd(6);
}

/** A single address has no mask here; what is from anywhere is `0.0.0.0/0`. */
function blockText(block: Condition<AddressBlock> | null, family: IPFamily): string {
  const everywhere = family === 'IPv4' ? '0.0.0.0/0' : '::/0';
  const text =
    block === null ? everywhere : block.value.text.replace(family === 'IPv4' ? /\/32$/ : /\/128$/, '');
  return `${block?.not === true ? '!' : ' '}${text.padEnd(19)} `;
}

function details({ matches, target }: Rule): string {
  const words = [...matches.map(matchText), ...(target === null ? [] : targetText(target))];
  return words.map((word) => ` ${word}`).join('');
}

function matchText(match: Match): string {
  switch (match.kind) {
    case 'comment':
      return `/* ${match.text} */`;
    case 'tcp':
    case 'udp':
      return [match.kind, ...portWords('spt', match.source), ...portWords('dpt', match.destination)].join(
        ' ',
      );
    case 'multiport':
      return `multiport ${match.side} ${match.ports.not ? '! ' : ''}${match.ports.value.map((range) => portsText(range, ':')).join(',')}`;
    case 'state':
      return `${match.states.not ? '! ' : ''}state ${match.states.value}`;
    case 'conntrack':
      return `${match.states.not ? '! ' : ''}ctstate ${match.states.value}`;
    case 'addrtype':
      return `ADDRTYPE match${typeWords('src', match.source)}${typeWords('dst', match.destination)}`;
    case 'mark':
    case 'physdev':
      return otherMatchText(match);
  }
}

function portWords(
  name: string,
  ports: Condition<{ first: number; last: number }> | null,
): readonly string[] {
  if (ports === null) return [];
  const plural = ports.value.first === ports.value.last ? '' : 's';
  return [`${name}${plural}:${ports.not ? '!' : ''}${portsText(ports.value, ':')}`];
}

function typeWords(side: string, types: Condition<readonly string[]> | null): string {
  return types === null ? '' : ` ${side}-type ${types.not ? '!' : ''}${types.value}`;
}

/** As on a command line, under another name. */
function otherMatchText(match: Extract<Match, { kind: 'mark' | 'physdev' }>): string {
  const text = ruleText({ ...NO_RULE, matches: [match] });
  if (match.kind === 'physdev') return text.replace('-m physdev', 'PHYSDEV match');
  return text.replace('-m mark', 'mark match').replace('! --mark', '!').replace('--mark ', '').trim();
}

const NO_RULE: Rule = {
  source: null,
  destination: null,
  inInterface: null,
  outInterface: null,
  protocol: null,
  matches: [],
  target: null,
};

function targetText(target: Target): readonly string[] {
  switch (target.kind) {
    case 'ACCEPT':
    case 'DROP':
    case 'RETURN':
      return [];
    case 'chain':
      return target.goto ? [`[goto] `] : [];
    case 'REJECT':
      return [`reject-with ${target.with}`];
    case 'REDIRECT':
      return target.ports === null ? [] : [`redir ports ${portsText(target.ports, '-')}`];
    case 'DNAT':
      return [`to:${ruleText({ ...NO_RULE, target }).replace('-j DNAT --to-destination ', '')}`];
    default:
      throw new NotImitated(`the list of a rule with ${target.kind}`);
  }
}

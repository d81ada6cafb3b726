import type { IPFamily } from '../../../src/model/address.js';
import type { MatchName, Rule, Table, TargetName } from './rule.js';
import type { Chains, CountedRule } from './ruleset.js';

/** What a kernel, or a program, does without. */
export type Lacks = ReadonlySet<MatchName | TargetName>;

/** What the kernel refuses: a rule, and why. */
export interface Objection {
  readonly rule: CountedRule;
  readonly chain: string;
  /** The error as strerror says it; `Built-in chain` is one that nobody may jump to. */
  readonly reason: 'Built-in chain' | 'Invalid argument' | 'No such file or directory' | 'Too many links';
}

/** Where a rule is, and which built-in chains lead there. */
interface Place {
  readonly table: Table;
  readonly family: IPFamily;
  readonly hooks: ReadonlySet<string>;
  readonly chains: Chains;
  readonly lacks: Lacks;
}

const NAT_BEFORE_ROUTING = ['PREROUTING', 'OUTPUT'];
const NAT_AFTER_ROUTING = ['POSTROUTING'];

const NO_HOOKS: ReadonlySet<string> = new Set();

/**
 * What the kernel refuses of a table as a whole: it looks at every rule, and at each hook from which a packet can come to
 * it (`checkentry` of the modules; `mark_source_chains` of `ip_tables.c` for loops). Null where it takes it.
 */
export function objectionTo(table: Table, family: IPFamily, chains: Chains, lacks: Lacks): Objection | null {
  const hooksOf = new Map<string, Set<string>>();
  for (const [name, { policy }] of chains) {
    const loop = policy === null ? null : findLoop(name, name, [], chains, hooksOf);
    if (loop !== null) return loop;
  }
  for (const [chain, { rules }] of chains) {
    const place: Place = { table, family, hooks: hooksOf.get(chain) ?? NO_HOOKS, chains, lacks };
    for (const rule of rules) {
      const reason = whyRefused(rule.rule, place);
      if (reason !== null) return { rule, chain, reason };
    }
  }
  return null;
}

/** Notes for each chain the built-in ones that lead there, and returns a rule that leads back to where it came from. */
function findLoop(
  name: string,
  hook: string,
  above: readonly string[],
  chains: Chains,
  hooksOf: Map<string, Set<string>>,
): Objection | null {
  hooksOf.set(name, (hooksOf.get(name) ?? new Set()).add(hook));
  for (const rule of chains.get(name)?.rules ?? []) {
    const { target } = rule.rule;
    if (target?.kind !== 'chain') continue;
    if (target.chain === name || above.includes(target.chain))
      return { rule, chain: name, reason: 'Too many links' };
    if (hooksOf.get(target.chain)?.has(hook) === true) continue;
    const loop = findLoop(target.chain, hook, [...above, name], chains, hooksOf);
    if (loop !== null) return loop;
  }
  return null;
}

function whyRefused(rule: Rule, place: Place): Objection['reason'] | null {
  const { protocol, matches, target } = rule;
  for (const { kind } of matches) {
    if (place.lacks.has(kind)) return 'No such file or directory';
    const isOfProtocol = protocol?.value === kind && !protocol.not;
    if ((kind === 'tcp' || kind === 'udp') && !isOfProtocol) return 'Invalid argument';
  }
  for (const match of matches) {
    if (match.kind !== 'addrtype' || place.family === 'IPv4') continue;
    const types = [...(match.source?.value ?? []), ...(match.destination?.value ?? [])];
    if (types.includes('BROADCAST')) return 'Invalid argument';
  }
  if (target === null) return null;
  if (target.kind !== 'chain' && place.lacks.has(target.kind)) return 'No such file or directory';
  const isTCP = protocol?.value === 'tcp' && !protocol.not;
  const { table, hooks, chains } = place;
  const onlyFrom = (allowed: readonly string[]): Objection['reason'] | null =>
    [...hooks].every((hook) => allowed.includes(hook)) ? null : 'Invalid argument';
  switch (target.kind) {
    case 'REJECT':
      if (table !== 'filter' || (target.with === 'tcp-reset' && !isTCP)) return 'Invalid argument';
      return null;
    case 'REDIRECT':
    case 'DNAT':
      return table === 'nat' ? onlyFrom(NAT_BEFORE_ROUTING) : 'Invalid argument';
    case 'MASQUERADE':
      return table === 'nat' ? onlyFrom(NAT_AFTER_ROUTING) : 'Invalid argument';
    case 'chain':
      return (chains.get(target.chain)?.policy ?? null) === null ? null : 'Built-in chain';
    default:
      return null;
  }
}

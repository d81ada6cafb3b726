import { canonicalRule } from './canonical-rule.js';
import { isOurChain } from './chains.js';

/** Rules of one chain that are removed one by one: each costs a look at all of them, where flushing costs nothing. */
const MOST_REMOVED = 32;

type Chains = ReadonlyMap<string, readonly string[] | ReadonlySet<string>>;

type WantedChains = ReadonlyMap<string, ReadonlySet<string>>;

/**
 * Lines for iptables-restore that make these chains hold exactly these rules.
 *
 * @param isMistrusted what differs is written whole, and no rule removed by its text.
 */
export function chainLines(current: Chains, wanted: WantedChains, isMistrusted = false): readonly string[] {
  return [...wanted].flatMap(([chain, rules]) => {
    const lines = chainDifference(chain, current.get(chain) ?? null, rules);
    return isMistrusted && lines.length > 0 ? rewritten(chain, rules) : lines;
  });
}

/**
 * Lines for iptables-restore that remove the chains of ours which are not wanted, once those that are lead there no more.
 *
 * @param ledTo chains that somebody else's rules lead to: the kernel keeps those, so they are emptied only.
 */
export function surplusLines(
  current: Chains,
  wanted: WantedChains,
  ledTo: ReadonlySet<string> = new Set(),
): readonly string[] {
  const surplus = [...current.keys()].filter((chain) => isOurChain(chain) && !wanted.has(chain));
  return surplus.flatMap((chain) => {
    if (!ledTo.has(chain)) return [`:${chain} - [0:0]`, `-X ${chain}`];
    return [...(current.get(chain) ?? [])].length === 0 ? [] : [`:${chain} - [0:0]`];
  });
}

/**
 * Lines for iptables-restore that make a chain of ours hold exactly these rules; none where it does. Their order means
 * nothing.
 *
 * @param current null where there is no such chain.
 */
export function chainDifference(
  chain: string,
  current: readonly string[] | ReadonlySet<string> | null,
  wanted: ReadonlySet<string>,
): readonly string[] {
  if (current === null) return rewritten(chain, wanted);
  const present = current instanceof Set ? current : new Set(current);
  // The same rule twice: removing one would leave the other.
  if (Array.isArray(current) && current.length !== present.size) return rewritten(chain, wanted);
  const surplus = new Set<string>();
  const missing = new Set<string>();
  for (const rule of present) if (!wanted.has(rule)) surplus.add(rule);
  for (const rule of wanted) if (!present.has(rule)) missing.add(rule);
  dropEqual(surplus, missing);
  if (surplus.size > MOST_REMOVED) return rewritten(chain, wanted);
  return [...Array.from(surplus, removing), ...missing];
}

/** The line that removes a rule. */
export function removing(rule: string): string {
  return `-D${rule.slice(2)}`;
}

/** A chain that is declared is made, or flushed where it is there already (iptables-restore, with --noflush). */
function rewritten(chain: string, wanted: ReadonlySet<string>): readonly string[] {
  return [`:${chain} - [0:0]`, ...wanted];
}

/** Other words for the same rule, as another release prints it. */
function dropEqual(surplus: Set<string>, missing: Set<string>): void {
  if (surplus.size === 0 || missing.size === 0) return;
  const byMeaning = new Map(Array.from(surplus, (rule) => [canonicalRule(rule), rule]));
  for (const rule of missing) {
    const same = byMeaning.get(canonicalRule(rule));
    if (same === undefined) continue;
    byMeaning.delete(canonicalRule(rule));
    surplus.delete(same);
    missing.delete(rule);
  }
}

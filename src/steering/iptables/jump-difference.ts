import { canonicalRule } from './canonical-rule.js';
import { removing } from './chain-difference.js';
import { isOurJump, type Jumps } from './jumps.js';

/** What is to be done to a built-in chain, and the order of its rules afterwards. */
export interface JumpDifference {
  readonly lines: readonly string[];
  readonly after: readonly string[];
}

/**
 * Lines for iptables-restore that put our jumps in a built-in chain in their place; none where they are. Nobody else's rule
 * is touched, and who put one before ours meanwhile may have had a reason: it stays there. But where a jump of ours is
 * behind a rule that it was before, or the other way round, somebody moved it, and it goes back.
 *
 * @param rules those of the chain now.
 * @param before those that it had when it was last looked at; undefined at the first time.
 */
export function jumpDifference(
  chain: string,
  rules: readonly string[],
  jumps: Jumps,
  before: readonly string[] | undefined,
): JumpDifference {
  const wanted = [...jumps.first, ...jumps.last];
  const ours = rules.filter(isOurJump);
  if (areSame(ours, wanted) && (before === undefined || !anyMoved(rules, before)))
    return { lines: [], after: rules };
  const others = rules.filter((rule) => !isOurJump(rule));
  return {
    lines: [
      ...ours.map(removing),
      ...jumps.first.map((jump, index) => `-I ${chain} ${index + 1}${jump.slice(`-A ${chain}`.length)}`),
      ...jumps.last,
    ],
    after: [...jumps.first, ...others, ...jumps.last],
  };
}

function areSame(found: readonly string[], wanted: readonly string[]): boolean {
  return (
    found.length === wanted.length &&
    found.every((rule, index) => {
      const other = wanted[index] ?? '';
      return rule === other || canonicalRule(rule) === canonicalRule(other);
    })
  );
}

/** Whether a rule of others changed sides with a jump of ours. One that is there twice says nothing. */
function anyMoved(now: readonly string[], before: readonly string[]): boolean {
  const [places, oldPlaces] = [placesOfSingles(now), placesOfSingles(before)];
  const common = [...places.keys()].filter((rule) => oldPlaces.has(rule));
  const jumps = common.filter(isOurJump);
  const others = common.filter((rule) => !isOurJump(rule));
  const isBefore = (order: ReadonlyMap<string, number>, a: string, b: string): boolean =>
    (order.get(a) ?? 0) < (order.get(b) ?? 0);
  return jumps.some((jump) =>
    others.some((other) => isBefore(places, jump, other) !== isBefore(oldPlaces, jump, other)),
  );
}

function placesOfSingles(rules: readonly string[]): ReadonlyMap<string, number> {
  const places = new Map<string, number>();
  const twice = new Set<string>();
  rules.forEach((rule, index) => {
    if (places.has(rule)) twice.add(rule);
    places.set(rule, index);
  });
  for (const rule of twice) places.delete(rule);
  return places;
}

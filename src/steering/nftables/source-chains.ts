import { createHash } from 'node:crypto';
import { type CIDR, cidrsOfFamily, type IPFamily } from '../../model/address.js';
import { holds } from '../../model/cidr-difference.js';
import { FAMILY_WORDS } from './family-words.js';
import { matching } from './table-outline.js';

const PREFIX = 'sources-';

/** A chain that lets some sources go on and drops all others; its name says which, so that equal ones are one. */
export interface SourceChain {
  readonly name: string;
  readonly rules: readonly string[];
}

/**
 * What limits a Service to these sources, or null where everyone of this family may come. Where they are all of the other
 * family, nobody may.
 *
 * A rule for each range, in a chain that only packets to such a Service reach: an interval set that holds destinations
 * too would need Linux 5.6.
 */
export function sourceChain(sourceRanges: readonly string[], family: IPFamily): SourceChain | null {
  if (sourceRanges.length === 0) return null;
  const ranges = widest(cidrsOfFamily(sourceRanges, family));
  if (ranges.some(({ prefixLength }) => prefixLength === 0)) return null;
  const texts = ranges.map(({ cidr }) => cidr).join(' ');
  const name = `${PREFIX}${createHash('sha256').update(texts).digest('hex').slice(0, 16)}`;
  const { source } = FAMILY_WORDS[family];
  return { name, rules: [...ranges.map((range) => `${matching(source, range)}return`), 'drop'] };
}

export function isSourceChain(name: string): boolean {
  return name.startsWith(PREFIX);
}

/** Without those that another one holds, in an order of their own. */
function widest(ranges: readonly CIDR[]): readonly CIDR[] {
  const unique = [...new Map(ranges.map((range) => [range.cidr, range])).values()];
  return unique
    .filter((range) => !unique.some((other) => other !== range && holds(other, range)))
    .toSorted((a, b) => (a.cidr < b.cidr ? -1 : 1));
}

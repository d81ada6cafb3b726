import { type RuleOption, ruleOptions } from './rule-options.js';

/** Options that older releases print, and newer ones do not, or the other way round: they say nothing of a packet. */
const MEANINGLESS = new Set(['-m']);

/**
 * A rule in one form, however the release that printed it writes it and in whatever order it has its matches: two rules are the same
 * when theirs are.
 */
export function canonicalRule(rule: string): string {
  const { chain, options } = ruleOptions(rule);
  const texts = options.filter(({ name }) => !MEANINGLESS.has(name)).map(optionText);
  return [chain, ...texts.toSorted()].join(' ');
}

function optionText({ negated, name, values }: RuleOption): string {
  return `${negated ? '! ' : ''}${name} ${values.join(' ')}`;
}

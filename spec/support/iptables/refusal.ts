/**
 * The fake met something that it does not imitate: the spec must fail, because whatever the fake answered could be
 * wrong. Never an answer of iptables.
 */
export class NotImitated extends Error {
  constructor(what: string) {
    super(`FakeIptables does not imitate this: ${what}`);
    this.name = 'NotImitated';
  }
}

/**
 * How a refusal is told:
 * - `usage`: a program does not understand its arguments (exit code 2), with its name and version before the words;
 * - `bare`: the same, the words alone;
 * - `target`: `words` is neither a target nor a chain (2);
 * - `rule`: what is asked for can't be done to the rules as they are (1);
 * - `policy`: a chain that is declared can't have that policy (1);
 * - `table`: there is no such table (3);
 * - `kernel`: the kernel refuses the table when it is committed (1; 4 in the nft variant).
 */
export type RefusalKind = 'usage' | 'bare' | 'target' | 'rule' | 'policy' | 'table' | 'kernel';

/** iptables refuses, in its own words. */
export class Refusal extends Error {
  constructor(
    readonly kind: RefusalKind,
    words: string,
    /** What is refused to what: the nft variant tells `RULE_APPEND`, the reason as strerror says it, `rule in chain A`. */
    readonly details: {
      readonly operation: string;
      readonly reason: string;
      readonly object: string;
    } | null = null,
  ) {
    super(words);
    this.name = 'Refusal';
  }
}

export const NO_SUCH_NAME = 'No chain/target/match by that name.';
export const BAD_RULE = 'Bad rule (does a matching rule exist in that chain?).';

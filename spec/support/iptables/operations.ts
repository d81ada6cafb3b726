import type { IPFamily } from '../../../src/model/address.js';
import { isOneOf } from './one-of.js';
import { parseRule, TARGET_NAMES } from './parse-rule.js';
import { ruleText } from './print-rule.js';
import { BAD_RULE, NO_SUCH_NAME, NotImitated, Refusal } from './refusal.js';
import type { Variant } from './rule.js';
import { type CountedRule, checkChainName, type TableDraft } from './ruleset.js';

/** What changes a table: `-A CHAIN …` and its like. */
export interface Operation {
  /** The short name of a command of iptables, such as `-A`. */
  readonly command: string;
  /** What stands behind it, before the options of a rule: a chain, a number, a policy, a name. */
  readonly args: readonly string[];
  readonly rule: readonly string[];
  readonly counters?: Counters | null;
}

export interface Counters {
  readonly packets: number;
  readonly bytes: number;
}

/** In which world an operation happens. */
export interface OperationContext {
  readonly family: IPFamily;
  readonly variant: Variant;
  /** As `RuleReading.load`. */
  readonly load: (what: 'match' | 'target', name: string) => void;
}

/**
 * Changes a draft as `iptables -t TABLE …` or a line of iptables-restore does.
 *
 * @throws Refusal in iptables' own words; the draft is of no use then.
 */
export function operate(draft: TableDraft, operation: Operation, context: OperationContext): void {
  const [chain = '', second] = operation.args;
  switch (operation.command) {
    case '-A':
    case '-I':
      insert(draft, operation, context);
      return;
    case '-D':
      remove(draft, operation, context);
      return;
    case '-C':
      indexOfRule(draft, operation, context);
      return;
    case '-R':
      replace(draft, operation, context);
      return;
    case '-N':
      create(draft, chain, context);
      return;
    case '-F':
      for (const name of chain === '' ? draft.names : [chain]) existing(draft, name).rules = [];
      return;
    case '-Z':
      for (const name of chain === '' ? draft.names : [chain]) zero(draft, name);
      return;
    case '-X':
      removeChains(draft, chain, context);
      return;
    case '-P':
      setPolicy(draft, chain, second ?? '');
      return;
    case '-E':
      throw new NotImitated('the renaming of a chain');
    default:
      throw new NotImitated(`the command ${operation.command}`);
  }
}

function existing(draft: TableDraft, name: string): ReturnType<TableDraft['edit']> & object {
  const chain = draft.edit(name);
  if (chain === undefined) throw new Refusal('rule', NO_SUCH_NAME);
  return chain;
}

function read(
  draft: TableDraft,
  { args, rule, counters }: Operation,
  { family, load }: OperationContext,
): CountedRule {
  const parsed = parseRule(rule, {
    family,
    table: draft.table,
    chain: args[0] ?? '',
    isChain: (name) => draft.chain(name) !== undefined,
    load,
  });
  return {
    rule: parsed,
    text: ruleText(parsed),
    packets: counters?.packets ?? 0,
    bytes: counters?.bytes ?? 0,
  };
}

function insert(draft: TableDraft, operation: Operation, context: OperationContext): void {
  const [chain = '', number = '1'] = operation.args;
  const index = operation.command === '-A' ? null : ruleNumber(number) - 1;
  const rule = read(draft, operation, context);
  const { rules } = existing(draft, chain);
  if (index === null) {
    rules.push(rule);
    return;
  }
  if (index > rules.length) throw new Refusal('rule', 'Index of insertion too big.');
  rules.splice(index, 0, rule);
}

function remove(draft: TableDraft, operation: Operation, context: OperationContext): void {
  const [chain = '', number] = operation.args;
  if (number === undefined) {
    const index = indexOfRule(draft, operation, context);
    existing(draft, chain).rules.splice(index, 1);
    return;
  }
  const index = ruleNumber(number) - 1;
  const { rules } = existing(draft, chain);
  if (index >= rules.length) throw new Refusal('rule', 'Index of deletion too big.');
  rules.splice(index, 1);
}

function replace(draft: TableDraft, operation: Operation, context: OperationContext): void {
  const [chain = '', number = ''] = operation.args;
  const index = ruleNumber(number) - 1;
  const rule = read(draft, operation, context);
  const { rules } = existing(draft, chain);
  if (index >= rules.length) throw new Refusal('rule', 'Index of replacement too big.');
  rules[index] = rule;
}

function indexOfRule(draft: TableDraft, operation: Operation, context: OperationContext): number {
  const { text, rule } = read(draft, operation, context);
  const index = draft.chain(operation.args[0] ?? '')?.rules.findIndex((rule) => rule.text === text) ?? -1;
  if (index !== -1) return index;
  // The legacy variant has the wrong words for it, unless the rule has a plain verdict.
  const isPlain = rule.target === null || isOneOf(['ACCEPT', 'DROP', 'RETURN'], rule.target.kind);
  throw new Refusal('rule', context.variant === 'nft' || isPlain ? BAD_RULE : NO_SUCH_NAME);
}

function ruleNumber(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new Refusal('usage', `Invalid rule number \`${text}'`);
  return Number(text);
}

function create(draft: TableDraft, name: string, { variant }: OperationContext): void {
  checkChainName(name, TARGET_NAMES, variant);
  if (draft.chain(name) !== undefined) throw new Refusal('rule', 'Chain already exists.');
  draft.create(name);
}

function zero(draft: TableDraft, name: string): void {
  const chain = existing(draft, name);
  chain.packets = 0;
  chain.bytes = 0;
  chain.rules = chain.rules.map((rule) => ({ ...rule, packets: 0, bytes: 0 }));
}

function removeChains(draft: TableDraft, name: string, context: OperationContext): void {
  const names = name === '' ? draft.names.filter((each) => !draft.isBuiltIn(each)) : [name];
  for (const each of names) {
    const chain = existing(draft, each);
    if (draft.isBuiltIn(each)) throw new NotImitated(`the removal of ${each}`);
    const details = {
      operation: 'CHAIN_DEL',
      reason: 'Device or resource busy',
      object: `chain ${each}`,
    };
    const kind = context.variant === 'nft' ? 'kernel' : 'rule';
    if (draft.references(each) > 0) throw new Refusal(kind, 'Too many links.', details);
    if (chain.rules.length > 0) throw new Refusal(kind, 'Directory not empty.', details);
    draft.remove(each);
  }
}

function setPolicy(draft: TableDraft, name: string, policy: string): void {
  const chain = draft.edit(name);
  if (chain === undefined || !draft.isBuiltIn(name)) throw new Refusal('rule', 'Bad built-in chain name.');
  if (policy !== 'ACCEPT' && policy !== 'DROP')
    throw new Refusal('rule', "Bad policy name. Run `dmesg' for more information.");
  chain.policy = policy;
}

/** `:CHAIN POLICY [PACKETS:BYTES]`: makes a chain, flushes one that somebody made, and sets the policy of a built-in one. */
export function declare(
  draft: TableDraft,
  name: string,
  policy: string,
  counters: Counters | null,
  { variant }: OperationContext,
): void {
  if (!draft.isBuiltIn(name)) {
    if (draft.chain(name) === undefined) checkChainName(name, TARGET_NAMES, variant);
    // A chain that is there already is flushed; it stays the one that others jump to.
    draft.create(name);
    if (policy !== '-') throw new NotImitated(`a policy for the chain ${name}`);
    return;
  }
  if (policy === '-') return;
  if (policy !== 'ACCEPT' && policy !== 'DROP') {
    const details = { operation: 'set policy', reason: policy, object: name };
    throw new Refusal('policy', 'Bad policy name', details);
  }
  const chain = existing(draft, name);
  chain.policy = policy;
  if (counters !== null) Object.assign(chain, counters);
}

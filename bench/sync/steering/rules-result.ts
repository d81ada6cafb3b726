import type { PacketFilter } from './packet-filter.js';
import type { ChangeKind } from './steered-services.js';

/** The first write of a process, into a kernel without rules. */
export interface RulesWrite {
  /** To find out which programs there are, and what their kernel takes. */
  readonly probeMs: number;
  readonly ms: number;
  readonly blockedMs: number;
}

/** One write of `changes`, beside the bare program's removal and addition of one rule. */
export interface RulesChange {
  readonly change: ChangeKind;
  readonly ms: number;
  readonly bareMs: number;
  readonly blockedMs: number;
}

/** One write of `everything` that changes nothing, beside the bare program that prints every rule. */
export interface RulesCheck {
  readonly ms: number;
  readonly bareMs: number;
  readonly blockedMs: number;
}

/** What was found with one packet filter and so many Services. */
export interface RulesResult {
  readonly filter: PacketFilter;
  readonly services: number;
  /** One for each round, beside the bare program that loads the same rules into another kernel without rules. */
  readonly writes: readonly (RulesWrite & { readonly bareMs: number })[];
  readonly changes: readonly RulesChange[];
  readonly checks: readonly RulesCheck[];
}

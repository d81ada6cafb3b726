import type { Command } from '../../../src/host/command-runner.js';
import type { PacketFilter } from './packet-filter.js';
import type { RulesChange, RulesCheck, RulesWrite } from './rules-result.js';

/** What a process in namespaces of its own is asked for, one at a time. */
export type RulesOrder =
  /** Writes the rules of so many Services where there are none. */
  | { readonly kind: 'write'; readonly filter: PacketFilter; readonly services: number }
  /** Loads such rules with the bare program, where there are none. */
  | { readonly kind: 'load'; readonly commands: readonly Command[] }
  /** Then changes so many Services, each in every way. */
  | { readonly kind: 'change'; readonly services: number }
  /** Then looks so often whether everything is as it should be. */
  | { readonly kind: 'check'; readonly times: number };

/** In its namespaces. */
export interface RulesReady {
  readonly kind: 'ready';
}

export interface Written extends RulesWrite {
  readonly kind: 'written';
  /** What loads the same rules. */
  readonly commands: readonly Command[];
}

export interface Loaded {
  readonly kind: 'loaded';
  readonly ms: number;
}

export interface Changed {
  readonly kind: 'changed';
  readonly changes: readonly RulesChange[];
}

export interface Checked {
  readonly kind: 'checked';
  readonly checks: readonly RulesCheck[];
}

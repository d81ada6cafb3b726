/** What can be asked of kube-splice; `run`, the proxy itself, is what it does without a command word. */
export type Command = 'run' | 'demo' | 'status' | 'explain' | 'diff';

/** The headings of `--help`. */
export type FlagGroup = 'Configuration' | 'Services' | 'Portals' | 'Steering' | 'Status' | 'Logs' | 'General';

/** What a flag takes: `boolean` nothing but an `=value`, `value` one, the last of several; `values` every one. */
export type FlagArity = 'boolean' | 'value' | 'values';

/** What is needed of a flag to read it. */
export interface FlagForm {
  /** Without dashes. */
  readonly name: string;
  /** A letter that stands for it: `-o`. */
  readonly letter?: string;
  readonly takes: FlagArity;
}

/** A flag that means something here. */
export interface Flag extends FlagForm {
  readonly group: FlagGroup;
  readonly commands: readonly Command[];
  /** As it would be written; empty where there is none. */
  readonly default: string;
  /** Where `kube-splice demo` has another one. */
  readonly demoDefault?: string;
  readonly choices?: readonly string[];
  /** For `--help` and docs/flags.md. */
  readonly description: string;
}

/** A flag as one writes it: `--udp-timeout`, `-v`. */
export function dashed(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name}`;
}

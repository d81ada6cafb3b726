import { Refusal } from './refusal.js';
import type { Rule, Table, Variant } from './rule.js';

/** A rule in a chain, and what it has counted. */
export interface CountedRule {
  readonly rule: Rule;
  /** As iptables-save prints it, without `-A CHAIN`. */
  readonly text: string;
  packets: number;
  bytes: number;
}

export interface Chain {
  /** Null for a chain that somebody made. */
  readonly policy: string | null;
  readonly packets: number;
  readonly bytes: number;
  readonly rules: readonly CountedRule[];
}

/** The chains of a table by name: the built-in ones in the order of their hooks, then the others by name. */
export type Chains = ReadonlyMap<string, Chain>;

/** The built-in chains of a table, in the order in which they are printed. */
export const BUILT_IN: Readonly<Record<Table, readonly string[]>> = {
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  raw: ['PREROUTING', 'OUTPUT'],
};

export const TABLES: readonly Table[] = ['filter', 'nat', 'mangle', 'raw'];

/** A table nobody has touched. */
export function emptyTable(table: Table): Chains {
  return new Map(
    BUILT_IN[table].map((name) => [name, { policy: 'ACCEPT', packets: 0, bytes: 0, rules: [] }]),
  );
}

/** The rules of one family in one variant. Tables come into being when they are first used, as in the kernel. */
export class Ruleset {
  readonly #tables = new Map<Table, Chains>();

  /** The chains of a table; those of a table nobody has touched where there is none. */
  chains(table: Table): Chains {
    return this.#tables.get(table) ?? emptyTable(table);
  }

  /** Those that exist, the oldest first. */
  get tables(): readonly Table[] {
    return [...this.#tables.keys()];
  }

  has(table: Table): boolean {
    return this.#tables.has(table);
  }

  replace(table: Table, chains: Chains): void {
    this.#tables.set(table, chains);
  }
}

/** A chain that may be changed. */
interface DraftChain {
  policy: string | null;
  packets: number;
  bytes: number;
  rules: CountedRule[];
}

/** A table while it is being changed: nothing of it is in the ruleset until it is put there. */
export class TableDraft {
  readonly #chains: Map<string, Chain>;
  /** Chains that are copies already. */
  readonly #copies = new Map<string, DraftChain>();
  #isTouched = false;

  constructor(
    readonly table: Table,
    chains: Chains,
  ) {
    this.#chains = new Map(chains);
  }

  /** Whether anything was done to it, also where it is as it was. */
  get isTouched(): boolean {
    return this.#isTouched;
  }

  chain(name: string): Chain | undefined {
    return this.#chains.get(name);
  }

  isBuiltIn(name: string): boolean {
    return BUILT_IN[this.table].includes(name);
  }

  /** The chain, for changes; undefined where there is none. */
  edit(name: string): DraftChain | undefined {
    this.#isTouched = true;
    const copy = this.#copies.get(name);
    if (copy !== undefined) return copy;
    const chain = this.#chains.get(name);
    return chain === undefined ? undefined : this.#own(name, { ...chain, rules: [...chain.rules] });
  }

  create(name: string): void {
    this.#isTouched = true;
    this.#own(name, { policy: null, packets: 0, bytes: 0, rules: [] });
  }

  remove(name: string): void {
    this.#chains.delete(name);
    this.#copies.delete(name);
  }

  get names(): readonly string[] {
    return [...this.#chains.keys()];
  }

  /** How many rules jump or go to a chain. */
  references(name: string): number {
    let count = 0;
    for (const { rules } of this.#chains.values())
      for (const { rule } of rules)
        if (rule.target?.kind === 'chain' && rule.target.chain === name) count += 1;
    return count;
  }

  /** The table as it is to be: built-in chains first, then the others by name. */
  finished(): Chains {
    const own = this.names.filter((name) => !this.isBuiltIn(name));
    // By code unit, as strcmp does it.
    own.sort((a, b) => (a < b ? -1 : 1));
    return new Map(
      [...BUILT_IN[this.table], ...own].flatMap((name): [string, Chain][] => {
        const chain = this.#chains.get(name);
        return chain === undefined ? [] : [[name, chain]];
      }),
    );
  }

  #own(name: string, chain: DraftChain): DraftChain {
    this.#copies.set(name, chain);
    this.#chains.set(name, chain);
    return chain;
  }
}

/**
 * What a chain may be called.
 *
 * @throws Refusal
 */
export function checkChainName(name: string, targets: readonly string[], variant: Variant): void {
  const longest = 28;
  if (name.startsWith('-') || name.startsWith('!'))
    throw new Refusal('usage', `chain name not allowed to start with \`${name[0]}'`);
  if (name.length > longest && variant === 'nft')
    throw new Refusal('usage', `chain name \`${name}' too long (must be under ${longest + 1} chars)`);
  if (name.length > longest)
    throw new Refusal('usage', `Invalid chain name \`${name}' (${longest} chars max)`);
  if (/\s/.test(name)) throw new Refusal('usage', `Invalid chain name \`${name}'`);
  if (name === '' || targets.includes(name))
    throw new Refusal('usage', 'chain name may not clash with target name');
}

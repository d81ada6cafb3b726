import { removing } from './chain-difference.js';
import { isOurChain, TABLES } from './chains.js';
import { chainBehind, isOurJump } from './jumps.js';
import { transaction } from './probe.js';
import type { SavedTable } from './saved-rules.js';

/**
 * What iptables-restore reads to remove every chain and rule of ours, and nothing else; empty where there is none. A rule
 * in somebody's own chain that leads to one of ours is theirs: the chain it leads to stays, empty.
 */
export function rulesRemoved(tables: ReadonlyMap<string, SavedTable>): string {
  let input = '';
  for (const table of TABLES) {
    const saved = tables.get(table);
    const present = [...(saved?.keys() ?? [])].filter(isOurChain);
    if (saved === undefined || present.length === 0) continue;
    const ours = new Set(present);
    const foreign = [...saved].filter(([chain]) => !ours.has(chain));
    const jumps = foreign.flatMap(([chain, rules]) => (isBuiltIn(chain) ? rules.filter(isOurJump) : []));
    const keepers = foreign.flatMap(([chain, rules]) => (isBuiltIn(chain) ? [] : rules.filter(isOurJump)));
    const kept = new Set(keepers.map(chainBehind));
    input += transaction(table, [
      ...present.map((chain) => `:${chain} - [0:0]`),
      ...jumps.map(removing),
      ...present.filter((chain) => !kept.has(chain)).map((chain) => `-X ${chain}`),
    ]);
  }
  return input;
}

const BUILT_IN: ReadonlySet<string> = new Set(['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING']);

function isBuiltIn(chain: string): boolean {
  return BUILT_IN.has(chain);
}

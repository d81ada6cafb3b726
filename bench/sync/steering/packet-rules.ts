import { programSearch } from '../../../src/host/program-search.js';
import { SpawnedCommands } from '../../../src/host/spawned-commands.js';
import { IptablesRules } from '../../../src/steering/iptables/iptables-rules.js';
import { NftablesRules } from '../../../src/steering/nftables/nftables-rules.js';
import type { PacketRules } from '../../../src/steering/steering.js';
import { type PacketFilter, variantOf } from './packet-filter.js';
import { STEERED_NODE } from './steered-services.js';

/** The rules that are measured, written with this filter and no other. */
export function packetRules(filter: PacketFilter): PacketRules {
  const runner = new SpawnedCommands();
  const search = programSearch(process.env.PATH);
  if (filter === 'nftables')
    return new NftablesRules({ runner, place: STEERED_NODE, program: search('nft') ?? 'nft' });
  const variant = variantOf(filter);
  // A host that has one variant only; one that has both is measured as a whole, with the program.
  const isOther = (name: string): boolean => /^ip6?tables/.test(name) && !name.includes(`-${variant}`);
  return new IptablesRules({ runner, find: (name) => (isOther(name) ? null : search(name)) }, STEERED_NODE);
}

import type { CommandRunner } from '../../host/command-runner.js';
import type { IPFamily } from '../../model/address.js';
import { KubeSpliceError } from '../../model/errors.js';
import { IP_FAMILIES, type SteeringPlace } from '../steering.js';
import { PROTOCOL_NUMBERS, TABLE } from './family-words.js';
import { NOTHING_COUNTED } from './listed-table.js';
import { NftProgram } from './nft-program.js';
import { sourceChain } from './source-chains.js';
import { removing, rewriting } from './table-commands.js';
import type { TableContent } from './table-content.js';
import { REFUSE_AT_ONCE, tableOutline } from './table-outline.js';

/** What nftables can do here. */
export interface NftablesProbe {
  /** Those that can be steered. */
  readonly families: ReadonlySet<IPFamily>;
  /** In the words of nft why the first of the others can't; null where both can. */
  readonly reason: string | null;
}

/** Whether one family can be steered, and with what. */
export type FamilyProbe =
  | { readonly works: true; readonly hasFib: boolean }
  | { readonly works: false; readonly reason: string };

/**
 * Finds out whether this nft and its kernel take every kind of rule that steering has: a table with all of them, of another
 * name, is made and removed in one transaction. No packet meets it.
 *
 * @param program path of nft.
 */
export async function probeNftables(runner: CommandRunner, program: string): Promise<NftablesProbe> {
  const nft = new NftProgram(runner, program);
  const families = new Set<IPFamily>();
  let reason: string | null = null;
  for (const family of IP_FAMILIES) {
    const probe = await probeFamily(nft, family);
    if (probe.works) families.add(family);
    else reason ??= probe.reason;
  }
  return { families, reason };
}

/** As `probeNftables`, for one family. */
export async function probeFamily(nft: NftProgram, family: IPFamily): Promise<FamilyProbe> {
  const withFib = await refusal(nft, family, true);
  if (withFib === null) return { works: true, hasFib: true };
  // It has nothing that the first one has not: what it lacks is what is missing.
  const reason = await refusal(nft, family, false);
  if (reason !== null) return { works: false, reason };
  // What failed may have been something else, that is over by now.
  return { works: true, hasFib: (await refusal(nft, family, true)) === null };
}

/** Why these rules are not taken, in the words of nft; null where they are. */
async function refusal(nft: NftProgram, family: IPFamily, hasFib: boolean): Promise<string | null> {
  try {
    await nft.transact(probingCommands(family, hasFib));
    return null;
  } catch (error) {
    if (!(error instanceof KubeSpliceError)) throw error;
    return error.message;
  }
}

/** Addresses and blocks for documentation (RFC 5737, RFC 3849), and loopback, as `172.30.0.1` of a node would be. */
const SAMPLES: Readonly<Record<IPFamily, { readonly address: string; readonly block: string }>> = {
  IPv4: { address: '192.0.2.1', block: '198.51.100.0/24' },
  IPv6: { address: '2001:db8::1', block: '2001:db8:1::/48' },
};

function probingCommands(family: IPFamily, hasFib: boolean): string {
  const { address, block } = SAMPLES[family];
  const place: SteeringPlace = {
    localAddresses: () => [address],
    nodeAddress: () => address,
    nodePortAddresses: [],
    clusterCIDRs: [block],
  };
  const outline = tableOutline({ family, place, portalAddress: 'all', hasFib });
  const commands = rewriting(family, outline, sampleContent(family), NOTHING_COUNTED) + removing(family);
  return commands.replaceAll(TABLE, `${TABLE}-probe`);
}

function sampleContent(family: IPFamily): TableContent {
  const { address, block } = SAMPLES[family];
  const protocol = PROTOCOL_NUMBERS.TCP;
  const limit = sourceChain([block], family);
  const ports = new Map([[`${protocol} . 9`, '9']]);
  const services = new Map([[`${protocol} . ${address} . 9`, '9']]);
  return {
    sets: {
      services,
      'node-ports': ports,
      'own-services': services,
      'own-node-ports': ports,
      limited: new Map([[`${protocol} . ${address} . 9`, `jump ${limit?.name ?? REFUSE_AT_ONCE}`]]),
      refused: new Map([[`${protocol} . ${address} . 9`, `goto ${REFUSE_AT_ONCE}`]]),
      'refused-ports': new Map([[`${protocol} . 9`, 'drop']]),
      portals: new Map([[`${protocol} . 9`, '']]),
    },
    sourceChains: limit === null ? new Map() : new Map([[limit.name, limit.rules]]),
  };
}

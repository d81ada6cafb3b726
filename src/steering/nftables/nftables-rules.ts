import type { CommandRunner } from '../../host/command-runner.js';
import type { IPFamily } from '../../model/address.js';
import { KubeSpliceError } from '../../model/errors.js';
import {
  IP_FAMILIES,
  type PacketRules,
  type PastRedirect,
  type Redirect,
  type RefusedTraffic,
  type SteeringCheck,
  type SteeringPlace,
  type SteeringState,
} from '../steering.js';
import { type Desired, FamilyTable, type Plan } from './family-table.js';
import { FAMILY_WORDS, TABLE } from './family-words.js';
import type { RefusedCounts } from './listed-table.js';
import { NftProgram } from './nft-program.js';
import { type FamilyProbe, probeFamily } from './probe.js';
import { removing } from './table-commands.js';
import { tableOutline } from './table-outline.js';
import { TableMaker } from './wanted-table.js';

export interface NftablesHost {
  readonly runner: CommandRunner;
  readonly place: SteeringPlace;
  /** Path of nft. */
  readonly program: string;
}

type DesiredTables = ReadonlyMap<FamilyTable, Desired>;
type Plans = ReadonlyMap<FamilyTable, Plan>;

/**
 * Steering with nftables: a table `kube-splice` in each family that something is steered or guarded in, and nothing else.
 *
 *     state ──▶ outline and elements as they should be ──┐
 *     kernel ──▶ nft list, or what was written last ─────┴──▶ difference ──▶ one nft -f -, for both families
 */
export class NftablesRules implements PacketRules {
  readonly kind = 'nftables';
  readonly #nft: NftProgram;
  readonly #place: SteeringPlace;
  readonly #tables: readonly FamilyTable[];
  readonly #makers: Readonly<Record<IPFamily, TableMaker>> = {
    IPv4: new TableMaker('IPv4'),
    IPv6: new TableMaker('IPv6'),
  };
  /** What is known of each family; that it does not work, only as long as it is not asked anew. */
  readonly #probes = new Map<IPFamily, FamilyProbe>();
  #release: string | null = null;
  /** The last difference was refused: what differs is written whole. */
  #isMistrusted = false;

  constructor({ runner, place, program }: NftablesHost) {
    this.#nft = new NftProgram(runner, program);
    this.#place = place;
    this.#tables = IP_FAMILIES.map((family) => new FamilyTable(family, this.#nft));
  }

  /** The program in use, and what its kernel lacks. */
  get description(): string {
    const lacksFib = [...this.#probes.values()].some((probe) => probe.works && !probe.hasFib);
    return `${this.#release ?? 'nft'}${lacksFib ? ', without fib' : ''}`;
  }

  async whyNot(family: IPFamily): Promise<string | null> {
    if (this.#probes.get(family)?.works === false) this.#probes.delete(family);
    const probe = await this.#probe(family);
    return probe.works ? null : probe.reason;
  }

  async past(): Promise<readonly PastRedirect[]> {
    const past: PastRedirect[] = [];
    for (const table of this.#tables) past.push(...(await table.past()));
    return past;
  }

  rulesOf(redirect: Redirect): readonly string[] {
    return this.#tables.flatMap((table) => table.rulesOf(redirect));
  }

  ruleCounts(): ReadonlyMap<string, number> {
    return new Map();
  }

  async write(state: SteeringState, check: SteeringCheck): Promise<void> {
    if (check === 'everything') this.#forgetFailures();
    const desired = await this.#desired(state);
    if (check === 'changes') {
      try {
        if (await this.#writeChanges(desired)) return;
      } catch (error) {
        // Somebody else may have changed what was taken for granted: what is there is read below.
        if (!(error instanceof KubeSpliceError)) throw error;
        this.#isMistrusted = true;
      }
    }
    await this.#writeAll(desired);
  }

  async refused(): Promise<RefusedTraffic | null> {
    const counts: RefusedCounts[] = [];
    for (const table of this.#tables) {
      const counted = await table.refused();
      if (counted !== null) counts.push(counted);
    }
    if (counts.length === 0) return null;
    return {
      connections: counts.reduce((sum, { tcp }) => sum + tcp.packets, 0),
      datagrams: counts.reduce((sum, { udp }) => sum + udp.packets, 0),
    };
  }

  async remove(): Promise<void> {
    for (const table of this.#tables) table.forget();
    const present = await this.#nft.tables();
    const ours = IP_FAMILIES.filter((family) =>
      present.includes(`table ${FAMILY_WORDS[family].table} ${TABLE}`),
    );
    if (ours.length > 0) await this.#nft.transact(ours.map(removing).join(''));
    for (const table of this.#tables) table.settleRemoved();
  }

  async #probe(family: IPFamily): Promise<FamilyProbe> {
    let probe = this.#probes.get(family);
    if (probe === undefined) {
      probe = await probeFamily(this.#nft, family);
      if (probe.works) this.#release ??= await this.#nft.release();
      this.#probes.set(family, probe);
    }
    return probe;
  }

  /** What was missing may be there by now: a module, a permission. */
  #forgetFailures(): void {
    for (const [family, { works }] of this.#probes) if (!works) this.#probes.delete(family);
  }

  async #desired(state: SteeringState): Promise<DesiredTables> {
    const desired = new Map<FamilyTable, Desired>();
    for (const table of this.#tables) desired.set(table, await this.#desiredTable(table.family, state));
    return desired;
  }

  async #desiredTable(family: IPFamily, state: SteeringState): Promise<Desired> {
    const { content, portalAddress } = await this.#makers[family].make(state);
    if (content === null) return null;
    const probe = await this.#probe(family);
    if (!probe.works) {
      // A host without this family has no way to a portal in it.
      if (!state.redirects.some((redirect) => redirect.family === family)) return null;
      throw new KubeSpliceError('STEERING_FAILED', probe.reason);
    }
    const { hasFib } = probe;
    return { outline: tableOutline({ family, place: this.#place, portalAddress, hasFib }), content };
  }

  /** @returns false where the kernel has to be read first. */
  async #writeChanges(desired: DesiredTables): Promise<boolean> {
    const plans = new Map<FamilyTable, Plan>();
    for (const [table, wanted] of desired) {
      const plan = await table.planChanges(wanted);
      if (plan === null) return false;
      plans.set(table, plan);
    }
    await this.#carryOut(plans, desired);
    return true;
  }

  async #writeAll(desired: DesiredTables): Promise<void> {
    const plans = new Map<FamilyTable, Plan>();
    for (const [table, wanted] of desired)
      plans.set(table, await table.planEverything(wanted, this.#isMistrusted));
    await this.#carryOut(plans, desired);
    this.#isMistrusted = false;
  }

  async #carryOut(plans: Plans, desired: DesiredTables): Promise<void> {
    for (const table of this.#tables) table.forget();
    const commands = Array.from(plans.values(), (plan) => plan.commands).join('');
    if (commands !== '') {
      try {
        await this.#nft.transact(commands);
      } catch (error) {
        this.#isMistrusted = true;
        throw error;
      }
    }
    for (const [table, plan] of plans) await table.settle(desired.get(table) ?? null, plan);
  }
}

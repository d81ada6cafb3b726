import { setImmediate as nextTurn } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { IPFamily } from '../../model/address.js';
import { KubeSpliceError } from '../../model/errors.js';
import type {
  PastRedirect,
  Redirect,
  RefusedTraffic,
  SteeringCheck,
  SteeringPlace,
  SteeringState,
} from '../steering.js';
import { chainLines, surplusLines } from './chain-difference.js';
import { TABLES, type Table } from './chains.js';
import { type DesiredRules, RuleMaker } from './desired-rules.js';
import { findPrograms, type IptablesHost } from './find-programs.js';
import { GUARDS, groupsOfRules, isGuarded } from './guard-rules.js';
import { IptablesCommands, type IptablesPrograms } from './iptables-programs.js';
import { jumpDifference } from './jump-difference.js';
import { chainsLedTo } from './jumps.js';
import { existingTables, removeLeftOvers } from './left-overs.js';
import { pastRedirects } from './past-redirects.js';
import { probe, transaction } from './probe.js';
import { refusedTraffic } from './refused-traffic.js';
import { rulesRemoved } from './removal.js';
import type { Capabilities } from './rule-text.js';
import { parseSavedRules, type SavedTable } from './saved-rules.js';

/** The programs that are used, and what their kernel takes. */
interface Known {
  readonly commands: IptablesCommands;
  /** Those of the other variants that there are. */
  readonly others: readonly IptablesPrograms[];
  readonly has: Capabilities;
  readonly maker: RuleMaker;
}

type ReadTables = ReadonlyMap<string, SavedTable>;

/**
 * The rules of one family:
 *
 *     state ──▶ rules as they should be ──┐
 *     kernel ──▶ iptables-save, or what was written last ──┴──▶ difference ──▶ iptables-restore --noflush
 *
 * Each table changes at once or not at all.
 */
export class FamilyRules {
  #known: Known | null = null;
  /** What the kernel had when it was last written; null where that is not known. */
  #written: DesiredRules | null = null;
  /** The built-in chains as they were when last looked at, by table and name. */
  readonly #orders = new Map<string, readonly string[]>();
  #hasLooked = false;
  /** Rules of an earlier run are gone from the other variants, as far as they can be had. */
  #hasClearedOthers = false;
  /** The last difference was refused: chains that differ are written whole. */
  #isMistrusted = false;

  constructor(
    private readonly family: IPFamily,
    private readonly host: IptablesHost,
    private readonly place: SteeringPlace,
  ) {}

  /** The programs in use, such as `iptables 1.8.9 (nft)`; null where none were needed yet. */
  get programs(): string | null {
    if (this.#known === null) return null;
    const { name, release, variant } = this.#known.commands.programs;
    return `${name} ${release.join('.')} (${variant})`;
  }

  /** What the kernel takes; null where it was not asked yet. */
  get capabilities(): Capabilities | null {
    return this.#known?.has ?? null;
  }

  /** @throws KubeSpliceError `STEERING_FAILED` with the reason of each variant where none of them works. */
  async prepare(): Promise<void> {
    await this.#prepared();
  }

  /** Where the rules that are there send traffic; nothing is made to find out. */
  async past(): Promise<readonly PastRedirect[]> {
    const commands = this.#known?.commands ?? null;
    if (commands !== null) return pastRedirects(parseSavedRules(await commands.save('nat')).get('nat'));
    const past: PastRedirect[] = [];
    for (const tables of await this.#existingTables()) past.push(...pastRedirects(tables.get('nat')));
    return past;
  }

  /** Those of them that were written last, such as `iptables -t nat -A KUBE-PORTALS-HOST …`. */
  rulesOf(redirect: Redirect): readonly string[] {
    const [known, written] = [this.#known, this.#written];
    if (known === null || written === null) return [];
    return known.maker.rulesOf(redirect).flatMap(([chain, rule]) => {
      const table = TABLES.find((candidate) => written.chains[candidate].get(chain)?.has(rule) === true);
      return table === undefined ? [] : [`${known.commands.programs.name} -t ${table} ${rule}`];
    });
  }

  /** Those that were written last, by table; jumps to our chains included. */
  ruleCounts(): ReadonlyMap<string, number> {
    const written = this.#written;
    if (written === null) return new Map();
    return new Map(
      TABLES.map((table) => {
        let count = 0;
        for (const { size } of written.chains[table].values()) count += size;
        for (const { first, last } of written.jumps[table].values()) count += first.length + last.length;
        return [table, count];
      }),
    );
  }

  async write(state: SteeringState, check: SteeringCheck): Promise<void> {
    if (this.#written === null && !this.#isNeeded(state) && !(await this.#hasLeftOvers(check))) return;
    const known = await this.#prepared();
    if (check === 'changes' && this.#written !== null) {
      try {
        if (await this.#writeChanges(state, known, this.#written)) return;
      } catch (error) {
        // Somebody else may have changed what was taken for granted: what is there is read below.
        if (!(error instanceof KubeSpliceError)) throw error;
      }
    }
    await this.#writeAll(state, known);
    await this.#clearOthers(known);
  }

  async refused(): Promise<RefusedTraffic | null> {
    if (this.#known === null || this.#written === null) return null;
    return refusedTraffic(await this.#known.commands.counted('filter', 'KUBE-PORTALS-REFUSED'));
  }

  /** Removes what is there in every variant. */
  async remove(): Promise<void> {
    this.#written = null;
    this.#orders.clear();
    await removeLeftOvers(await findPrograms(this.family, this.host), this.family, this.host);
  }

  async #prepared(): Promise<Known> {
    this.#known ??= await this.#search();
    return this.#known;
  }

  async #search(): Promise<Known> {
    const { family, host, place } = this;
    const found = await findPrograms(family, host);
    const failures: string[] = [];
    for (const programs of found) {
      const commands = new IptablesCommands(host.runner, programs, host.find);
      try {
        const has = await probe(commands, family);
        // Rules that it can write, and not read, can't be kept right.
        if (programs.variant === 'nft') await commands.saveWhole();
        const others = found.filter((other) => other !== programs);
        return { commands, others, has, maker: new RuleMaker({ family, place, has }) };
      } catch (error) {
        if (!(error instanceof KubeSpliceError)) throw error;
        failures.push(error.message);
      }
    }
    const base = family === 'IPv4' ? 'iptables' : 'ip6tables';
    const missing = `there is no ${base} with ${base}-save and ${base}-restore`;
    throw new KubeSpliceError('STEERING_FAILED', failures.length === 0 ? missing : failures.join('; '));
  }

  #isNeeded({ redirects, portals }: SteeringState): boolean {
    const { family } = this;
    return (
      family === 'IPv4' ||
      redirects.some((redirect) => redirect.family === family) ||
      portals.some(({ address }) => isGuarded(address, family))
    );
  }

  /**
   * Rules of an earlier run, of a family that nothing is asked of now: looked for until it is known. Where its programs do
   * not work, that is nobody's concern.
   */
  async #hasLeftOvers(check: SteeringCheck): Promise<boolean> {
    if (this.#hasLooked || check === 'changes') return false;
    try {
      const tables = await this.#existingTables();
      if (tables.some((saved) => rulesRemoved(saved) !== '')) return true;
      this.#hasLooked = true;
    } catch (error) {
      if (!(error instanceof KubeSpliceError)) throw error;
    }
    return false;
  }

  async #existingTables(): Promise<readonly ReadonlyMap<string, SavedTable>[]> {
    return existingTables(await findPrograms(this.family, this.host), this.family, this.host);
  }

  /**
   * What an earlier run left in another variant would go on refusing and steering: a kernel passes packets through all of
   * them. Tried once: one that does not work can't have steered.
   */
  async #clearOthers({ others }: Known): Promise<void> {
    if (this.#hasClearedOthers) return;
    this.#hasClearedOthers = true;
    try {
      await removeLeftOvers(others, this.family, this.host);
    } catch (error) {
      if (!(error instanceof KubeSpliceError)) throw error;
    }
  }

  /** @returns false where the kernel has to be read first: where jumps go among other rules, only that tells. */
  async #writeChanges(state: SteeringState, known: Known, written: DesiredRules): Promise<boolean> {
    const desired = await known.maker.make(state, written.groups);
    if (!isDeepStrictEqual(desired.jumps, written.jumps)) return false;
    const lines = (table: Table) => {
      const [before, after] = [written.chains[table], desired.chains[table]];
      return [...chainLines(before, after), ...surplusLines(before, after)];
    };
    await this.#restore(known, lines);
    this.#written = desired;
    return true;
  }

  async #writeAll(state: SteeringState, known: Known): Promise<void> {
    let tables: ReadTables;
    try {
      tables = await this.#read(known);
    } catch (error) {
      // What can't be compared can be changed still.
      if (this.#written !== null) await this.#writeChanges(state, known, this.#written);
      throw error;
    }
    this.#written = null;
    const guard = Object.values(GUARDS).flatMap((chain) => tables.get('filter')?.get(chain) ?? []);
    const desired = await known.maker.make(state, groupsOfRules(guard));
    const orders = new Map<string, readonly string[]>();
    const lines = (table: Table): string[] => {
      const saved = tables.get(table) ?? new Map<string, readonly string[]>();
      const wanted = desired.chains[table];
      // Chains are declared before anything jumps to them, and removed when nothing of ours does any more.
      return [
        ...chainLines(saved, wanted, this.#isMistrusted),
        ...this.#jumpLines(table, saved, desired, orders),
        ...surplusLines(saved, wanted, chainsLedTo(saved, desired.jumps[table])),
      ];
    };
    try {
      await this.#restore(known, lines);
    } catch (error) {
      // Not every rule can be removed by what iptables-save prints of it (`recent`, `connlimit`).
      this.#isMistrusted = true;
      throw error;
    }
    this.#isMistrusted = false;
    for (const [place, order] of orders) this.#orders.set(place, order);
    this.#written = desired;
  }

  #jumpLines(
    table: Table,
    saved: SavedTable,
    desired: DesiredRules,
    orders: Map<string, readonly string[]>,
  ): string[] {
    const lines: string[] = [];
    for (const [builtIn, jumps] of desired.jumps[table]) {
      const place = `${table} ${builtIn}`;
      const difference = jumpDifference(builtIn, saved.get(builtIn) ?? [], jumps, this.#orders.get(place));
      lines.push(...difference.lines);
      orders.set(place, difference.after);
    }
    return lines;
  }

  async #read({ commands }: Known): Promise<ReadTables> {
    // iptables-nft reads all of them, whichever is asked for.
    if (commands.programs.variant === 'nft') return parseSavedRules(await commands.saveWhole());
    const tables = new Map<string, SavedTable>();
    for (const table of TABLES) {
      const saved = parseSavedRules(await commands.saveWhole(table)).get(table);
      if (saved !== undefined) tables.set(table, saved);
      await nextTurn();
    }
    return tables;
  }

  /** What refuses comes first: where that can't be written, nothing is steered past it. */
  async #restore({ commands }: Known, lines: (table: Table) => readonly string[]): Promise<void> {
    let input = '';
    for (const table of TABLES) {
      const ofTable = lines(table);
      if (ofTable.length > 0) input += transaction(table, ofTable);
      await nextTurn();
    }
    if (input !== '') await commands.restore(input);
  }
}

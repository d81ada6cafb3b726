import type { IPFamily } from '../model/address.js';
import { KubeSpliceError } from '../model/errors.js';
import { settleConflicts } from './conflicts.js';
import {
  IP_FAMILIES,
  type PacketRules,
  type PastRedirect,
  type Redirect,
  type RefusedTraffic,
  type Steering,
  type SteeringCheck,
  type SteeringState,
} from './steering.js';
import { withoutUnsteerable } from './unsteerable.js';

/** Removes the UDP flows that go where the rules no longer send them. Never throws. */
export interface FlowRemoval {
  /** @param before null where it is not known what held before. */
  update(before: SteeringState | null, after: SteeringState): Promise<void>;
}

/**
 * Steering by packet rules:
 *
 *     state ──▶ without conflicts ──▶ of families that can be steered ──▶ rules ──▶ UDP flows of older rules removed
 *
 * What cannot be had is told, and everything else is steered.
 */
export class PacketSteering implements Steering {
  /** What the rules bring about, as far as is known; null before the first time. */
  #applied: SteeringState | null = null;
  /** Whether the last call ended as it should have. */
  #isCertain = false;

  /** Resolves when the flows that were stale at the last call are gone. One removal at a time; none of them fails. */
  #removal: Promise<void> = Promise.resolve();

  /** The rules of an earlier run are gone from the other packet filters, as far as they can be had. */
  #hasClearedOthers = false;

  /** Why a family can't be steered, null where it can; until everything is compared again. */
  readonly #reasons = new Map<IPFamily, string | null>();

  /** @param others those that this is instead of: an earlier run may have left rules there. */
  constructor(
    private readonly rules: PacketRules,
    private readonly flows: FlowRemoval,
    private readonly others: readonly PacketRules[] = [],
  ) {}

  get kind(): PacketRules['kind'] {
    return this.rules.kind;
  }

  async apply(state: SteeringState, check: SteeringCheck): Promise<readonly KubeSpliceError[]> {
    // What was missing may be there by now: a module, a permission, a package.
    if (check === 'everything' || !this.#isCertain) this.#reasons.clear();
    const { redirects, conflicts } = settleConflicts(state.redirects);
    const { steerable, unsteered } = withoutUnsteerable(redirects, await this.#reasonsAgainst(redirects));
    const wanted: SteeringState = { redirects: steerable, portals: state.portals };
    const isCertain = this.#isCertain;
    this.#isCertain = false;
    await this.rules.write(wanted, isCertain ? check : 'everything');
    this.#isCertain = true;
    await this.#clearOthers();
    const before = this.#applied;
    this.#applied = wanted;
    // A restart may leave thousands, each of which takes a look at every flow that there is: syncs do not wait for that.
    this.#removal = this.#removal.then(() => this.flows.update(before, wanted));
    return [...conflicts, ...unsteered];
  }

  async past(): Promise<readonly PastRedirect[]> {
    try {
      return await this.rules.past();
    } catch (error) {
      // What is wrong is told by the sync that follows.
      if (error instanceof KubeSpliceError) return [];
      throw error;
    }
  }

  rulesOf(redirect: Redirect): readonly string[] {
    return this.rules.rulesOf(redirect);
  }

  ruleCounts(): ReadonlyMap<string, number> {
    return this.rules.ruleCounts();
  }

  async steers(family: IPFamily): Promise<boolean> {
    return (await this.#reasonAgainst(family)) === null;
  }

  refused(): Promise<RefusedTraffic | null> {
    return this.rules.refused();
  }

  async remove(): Promise<void> {
    this.#isCertain = false;
    await this.#removal;
    await this.rules.remove();
  }

  /**
   * A kernel passes packets through the rules of all filters: those of an earlier run would go on refusing and steering.
   * Tried once: one that does not work can't have steered.
   */
  async #clearOthers(): Promise<void> {
    if (this.#hasClearedOthers) return;
    this.#hasClearedOthers = true;
    for (const other of this.others) {
      try {
        await other.remove();
      } catch (error) {
        if (!(error instanceof KubeSpliceError)) throw error;
      }
    }
  }

  async #reasonAgainst(family: IPFamily): Promise<string | null> {
    const known = this.#reasons.get(family);
    if (known !== undefined) return known;
    const reason = await this.rules.whyNot(family);
    this.#reasons.set(family, reason);
    return reason;
  }

  /** @throws KubeSpliceError `STEERING_FAILED` where it is IPv4 that can't be steered, or everything that is asked for. */
  async #reasonsAgainst(redirects: readonly Redirect[]): Promise<ReadonlyMap<IPFamily, string>> {
    const asked = new Set(redirects.map(({ family }) => family));
    const reasons = new Map<IPFamily, string>();
    for (const family of IP_FAMILIES) {
      const reason = asked.has(family) ? await this.#reasonAgainst(family) : null;
      if (reason !== null) reasons.set(family, reason);
    }
    const [reason] = reasons.values();
    if (reason !== undefined && (reasons.has('IPv4') || reasons.size === asked.size))
      throw new KubeSpliceError('STEERING_FAILED', reason);
    return reasons;
  }
}

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Redirect, SteeringState } from '../steering.js';
import { CHAINS, type Table } from './chains.js';
import { type GuardGroups, guardGroups, guardRules } from './guard-rules.js';
import { type JumpsOfTable, jumpsOf } from './jumps.js';
import { inLeaf, isDivided, LEAF_CHAINS, rulesToLeaves } from './leaf-chains.js';
import { type ChainRule, type RuleContext, rulesOfRedirect } from './redirect-rules.js';

/** Redirects whose rules are made in one turn of the event loop: a millisecond or two. */
const SLICE = 512;

/** More of them, and the chains of portals are divided; half as many, and they are not any more. */
const DIVIDE_ABOVE = 1_000;

/** A rule, and the chain that it is in: a leaf, where chains are divided. */
type PlacedRule = readonly [string, string];

/** What the kernel is to have of ours in one family. */
export interface DesiredRules {
  /** In the order in which they are declared: one that others lead to stands before them. */
  readonly chains: Readonly<Record<Table, ReadonlyMap<string, ReadonlySet<string>>>>;
  readonly jumps: Readonly<Record<Table, JumpsOfTable>>;
  readonly groups: GuardGroups;
}

/** Makes rules, and remembers those of each redirect: from one time to the next, most are the same. */
export class RuleMaker {
  #rules = new WeakMap<Redirect, readonly PlacedRule[]>();
  #madeFor = '';
  /** Whether the chains of portals are divided into leaves. */
  #isDivided = false;

  /** With the addresses that the node had at the last look: each look goes through all of its interfaces. */
  #context: RuleContext;

  /** @param divideAbove redirects that the chains of portals have rules for without being divided. */
  constructor(
    private readonly asked: RuleContext,
    private readonly divideAbove = DIVIDE_ABOVE,
  ) {
    this.#context = asked;
  }

  /**
   * @param state of both families: only what is of this one is looked at.
   * @param before how the ports of the guard were put together.
   */
  async make(state: SteeringState, before: GuardGroups): Promise<DesiredRules> {
    const { family, has } = this.asked;
    const redirects = state.redirects.filter((redirect) => redirect.family === family);
    this.#isDivided = redirects.length > (this.#isDivided ? this.divideAbove / 2 : this.divideAbove);
    this.#lookAtAddresses();
    const nat = emptyChains([...(this.#isDivided ? LEAF_CHAINS : []), ...CHAINS.nat]);
    const filter = emptyChains(CHAINS.filter);
    const add = (rules: readonly PlacedRule[]): void => {
      for (const [chain, rule] of rules) (nat.get(chain) ?? filter.get(chain))?.add(rule);
    };
    for (const [index, redirect] of redirects.entries()) {
      add(this.rulesOf(redirect));
      if (index % SLICE === SLICE - 1) await nextTurn();
    }
    if (this.#isDivided)
      for (const chain of CHAINS.nat)
        if (isDivided(chain)) for (const rule of rulesToLeaves(chain, family, has)) nat.get(chain)?.add(rule);
    const groups = guardGroups(state.portals, this.#context, before);
    add(guardRules(groups, this.#context));
    const jumps = { nat: jumpsOf('nat', this.#context), filter: jumpsOf('filter', this.#context) };
    return { chains: { nat, filter }, jumps, groups };
  }

  /** What brings about one redirect, with the addresses that the node had when rules were made last. */
  rulesOf(redirect: Redirect): readonly PlacedRule[] {
    let rules = this.#rules.get(redirect);
    if (rules === undefined) {
      const made = rulesOfRedirect(redirect, this.#context);
      rules = this.#isDivided ? made.map(inItsLeaf) : made;
      this.#rules.set(redirect, rules);
    }
    return rules;
  }

  /** Rules hold addresses of the node, and of its pods: where there are others now, those that are remembered are wrong. */
  #lookAtAddresses(): void {
    const { family, place, has } = this.asked;
    const nodeAddress = place.nodeAddress(family);
    const addresses = has.addrtype ? [] : place.localAddresses(family);
    const { nodePortAddresses, clusterCIDRs } = place;
    const key = [this.#isDivided, nodeAddress, addresses, nodePortAddresses, clusterCIDRs].join(' ');
    if (key === this.#madeFor) return;
    this.#madeFor = key;
    this.#rules = new WeakMap();
    const seen = {
      nodePortAddresses,
      clusterCIDRs,
      nodeAddress: () => nodeAddress,
      localAddresses: () => addresses,
    };
    this.#context = { ...this.asked, place: seen };
  }
}

function inItsLeaf([chain, rule]: ChainRule): PlacedRule {
  return isDivided(chain) ? inLeaf(chain, rule) : [chain, rule];
}

function emptyChains(names: readonly string[]): Map<string, Set<string>> {
  return new Map(names.map((name) => [name, new Set()]));
}

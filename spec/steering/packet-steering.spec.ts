import { describe, expect, it } from 'vitest';
import type { IPFamily } from '../../src/model/address.js';
import { KubeSpliceError } from '../../src/model/errors.js';
import { type FlowRemoval, PacketSteering } from '../../src/steering/packet-steering.js';
import type {
  PacketRules,
  PastRedirect,
  Redirect,
  RefusedTraffic,
  SteeringCheck,
  SteeringState,
} from '../../src/steering/steering.js';
import { eventually } from '../support/deadline.js';
import { aRedirect, steeringState } from '../support/steering-values.js';

const PAST: readonly PastRedirect[] = [
  { protocol: 'TCP', address: '10.96.0.1', port: 80, portalPort: 40_001 },
];

/** Rules that remember what was to be written. */
class RecordingRules implements PacketRules {
  readonly kind = 'nftables';
  readonly description = 'nft 1.0.6';
  readonly written: { readonly state: SteeringState; readonly check: SteeringCheck }[] = [];
  readonly reasons = new Map<IPFamily, string>();
  /** What the next write fails with; then it is forgotten. */
  failure: Error | null = null;
  /** Why the rules of before can't be read. */
  unreadable: Error | null = null;
  removed = 0;

  whyNot(family: IPFamily): Promise<string | null> {
    return Promise.resolve(this.reasons.get(family) ?? null);
  }

  past(): Promise<readonly PastRedirect[]> {
    return this.unreadable === null ? Promise.resolve(PAST) : Promise.reject(this.unreadable);
  }

  write(state: SteeringState, check: SteeringCheck): Promise<void> {
    this.written.push({ state, check });
    const { failure } = this;
    this.failure = null;
    return failure === null ? Promise.resolve() : Promise.reject(failure);
  }

  rulesOf({ address }: Redirect): readonly string[] {
    return [`to ${address}`];
  }

  ruleCounts(): ReadonlyMap<string, number> {
    return new Map([['nat', this.written.length]]);
  }

  refused(): Promise<RefusedTraffic> {
    return Promise.resolve({ connections: 3, datagrams: 4 });
  }

  remove(): Promise<void> {
    this.removed += 1;
    return Promise.resolve();
  }

  get checks(): readonly SteeringCheck[] {
    return this.written.map(({ check }) => check);
  }
}

/** What the flows were told of, and how many writes had been before that. */
class RecordingFlows implements FlowRemoval {
  readonly updates: {
    readonly before: SteeringState | null;
    readonly after: SteeringState;
    writes: number;
  }[] = [];

  constructor(private readonly rules: RecordingRules) {}

  update(before: SteeringState | null, after: SteeringState): Promise<void> {
    this.updates.push({ before, after, writes: this.rules.written.length });
    return Promise.resolve();
  }
}

function aSteering() {
  const rules = new RecordingRules();
  const flows = new RecordingFlows(rules);
  return { rules, flows, steering: new PacketSteering(rules, flows) };
}

const OVER_IPV4 = aRedirect({ servicePort: 'default/four' });
const PORTAL = { address: '::', port: 40_006 };
const OVER_IPV6 = aRedirect({ servicePort: 'default/six', address: 'fd00::1', portal: PORTAL });
const BOTH = steeringState(OVER_IPV4, OVER_IPV6);
const FAILURE = new KubeSpliceError('STEERING_FAILED', 'nft: No buffer space available');

describe('steering by packet rules', () => {
  it('writes the whole state, and the very redirects that it was given', async () => {
    const { steering, rules } = aSteering();
    expect(await steering.apply(BOTH, 'everything')).toEqual([]);
    expect(rules.written).toHaveLength(1);
    expect(rules.written[0]?.state).toEqual(BOTH);
    expect(rules.written[0]?.state.redirects).toBe(BOTH.redirects);
  });

  it('is of the kind that its rules are, and tells what those are and refused', async () => {
    const { steering } = aSteering();
    expect(steering.kind).toBe('nftables');
    expect(await steering.refused()).toEqual({ connections: 3, datagrams: 4 });
    expect(steering.rulesOf(aRedirect({ address: '10.96.0.7' }))).toEqual(['to 10.96.0.7']);
    await steering.apply(BOTH, 'everything');
    expect(steering.ruleCounts()).toEqual(new Map([['nat', 1]]));
  });

  it('tells where its rules of an earlier run send traffic; nothing where they cannot be read', async () => {
    const { steering, rules } = aSteering();
    expect(await steering.past()).toEqual(PAST);
    rules.unreadable = new KubeSpliceError('STEERING_FAILED', 'nft: Operation not permitted');
    expect(await steering.past()).toEqual([]);
    rules.unreadable = new TypeError('a fault of the program');
    await expect(steering.past()).rejects.toBe(rules.unreadable);
  });

  it('compares everything at first, and only changes where it is asked for those after that', async () => {
    const { steering, rules } = aSteering();
    for (const check of ['changes', 'changes', 'everything', 'changes'] as const)
      await steering.apply(BOTH, check);
    expect(rules.checks).toEqual(['everything', 'changes', 'everything', 'changes']);
  });

  it('removes what an earlier run left in other packet filters, once its own rules are written', async () => {
    const [rules, other, broken] = [new RecordingRules(), new RecordingRules(), new RecordingRules()];
    const failure = new KubeSpliceError('STEERING_FAILED', 'nft: Operation not permitted');
    broken.remove = () => Promise.reject(failure);
    const steering = new PacketSteering(rules, new RecordingFlows(rules), [broken, other]);
    rules.failure = failure;
    await expect(steering.apply(BOTH, 'everything')).rejects.toBe(failure);
    expect(other.removed).toBe(0);
    for (const check of ['everything', 'changes', 'everything'] as const) await steering.apply(BOTH, check);
    expect([rules.removed, other.removed]).toEqual([0, 1]);
  });

  it('compares everything after a write that failed, until one has not', async () => {
    const { steering, rules } = aSteering();
    await steering.apply(BOTH, 'everything');
    for (const _ of [1, 2]) {
      rules.failure = FAILURE;
      await expect(steering.apply(BOTH, 'changes')).rejects.toBe(FAILURE);
    }
    await steering.apply(BOTH, 'changes');
    await steering.apply(BOTH, 'changes');
    expect(rules.checks).toEqual(['everything', 'changes', 'everything', 'everything', 'changes']);
  });

  it('compares everything after its rules were removed', async () => {
    const { steering, rules } = aSteering();
    await steering.apply(BOTH, 'everything');
    await steering.remove();
    expect(rules.removed).toBe(1);
    await steering.apply(BOTH, 'changes');
    expect(rules.checks).toEqual(['everything', 'everything']);
  });

  it('tells the flows what held before and what holds now, once the rules are written', async () => {
    const { steering, flows } = aSteering();
    const later = steeringState(OVER_IPV4);
    await steering.apply(BOTH, 'everything');
    await steering.apply(later, 'changes');
    expect(flows.updates).toEqual([
      { before: null, after: BOTH, writes: 1 },
      { before: BOTH, after: later, writes: 2 },
    ]);
  });

  it('tells the flows nothing of what could not be written: what held before stays what it was', async () => {
    const { steering, rules, flows } = aSteering();
    await steering.apply(BOTH, 'everything');
    rules.failure = FAILURE;
    await expect(steering.apply(steeringState(), 'changes')).rejects.toBe(FAILURE);
    const later = steeringState(OVER_IPV4);
    await steering.apply(later, 'changes');
    expect(flows.updates.map(({ before, after }) => [before, after])).toEqual([
      [null, BOTH],
      [BOTH, later],
    ]);
  });

  it('leaves out what another service port claims before, and says so', async () => {
    const { steering, rules, flows } = aSteering();
    const late = aRedirect({ servicePort: 'default/z' });
    const problems = await steering.apply(steeringState(late, OVER_IPV4), 'everything');
    expect(rules.written[0]?.state.redirects).toEqual([OVER_IPV4]);
    expect(flows.updates[0]?.after.redirects).toEqual([OVER_IPV4]);
    expect(problems).toMatchObject([
      { code: 'STEERING_CONFLICT', message: expect.stringMatching(/^default\/z: /) },
    ]);
  });
});

describe('steering by packet rules on a host that lacks a family', () => {
  it('steers the other one, guards every portal, and says what is missing', async () => {
    const { steering, rules, flows } = aSteering();
    rules.reasons.set('IPv6', 'ip6tables: no nat table');
    const more = aRedirect({ servicePort: 'default/six', address: 'fd00::2', portal: PORTAL });
    const state = steeringState(OVER_IPV4, OVER_IPV6, more);
    const problems = await steering.apply(state, 'everything');
    expect(rules.written[0]?.state).toEqual({ redirects: [OVER_IPV4], portals: state.portals });
    expect(flows.updates[0]?.after.redirects).toEqual([OVER_IPV4]);
    expect(problems.map(({ code, message }) => `${code}: ${message}`)).toEqual([
      "STEERING_UNSUPPORTED: default/six: IPv6 can't be steered: ip6tables: no nat table",
    ]);
  });

  it('steers nothing to a portal that does not listen for it, and says so', async () => {
    const { steering, rules } = aSteering();
    const deaf = aRedirect({ servicePort: 'default/deaf', address: 'fd00::2' });
    const state = steeringState(OVER_IPV4, OVER_IPV6, deaf);
    const problems = await steering.apply(state, 'everything');
    expect(rules.written[0]?.state).toEqual({ redirects: BOTH.redirects, portals: state.portals });
    expect(problems.map(({ code }) => code)).toEqual(['STEERING_UNSUPPORTED']);
  });

  it('tells it together with what is in conflict', async () => {
    const { steering, rules } = aSteering();
    rules.reasons.set('IPv6', 'no');
    const late = aRedirect({ servicePort: 'default/z' });
    const problems = await steering.apply(steeringState(OVER_IPV4, late, OVER_IPV6), 'everything');
    expect(problems.map(({ code }) => code)).toEqual(['STEERING_CONFLICT', 'STEERING_UNSUPPORTED']);
  });

  it('says nothing of a family that nothing is asked for in', async () => {
    const { steering, rules } = aSteering();
    rules.reasons.set('IPv6', 'no');
    expect(await steering.apply(steeringState(OVER_IPV4), 'everything')).toEqual([]);
    expect(await steering.apply(steeringState(), 'changes')).toEqual([]);
    expect(rules.written).toHaveLength(2);
  });

  it.each<[string, readonly IPFamily[], SteeringState]>([
    ['IPv4, which is asked for', ['IPv4'], BOTH],
    ['both', ['IPv4', 'IPv6'], BOTH],
    ['the only one that is asked for', ['IPv6'], steeringState(OVER_IPV6)],
  ])('fails, and writes nothing, where that is %s', async (_, families, state) => {
    const { steering, rules, flows } = aSteering();
    for (const family of families) rules.reasons.set(family, 'Permission denied');
    await expect(steering.apply(state, 'everything')).rejects.toMatchObject({
      code: 'STEERING_FAILED',
      message: 'Permission denied',
    });
    expect([rules.written, flows.updates]).toEqual([[], []]);
  });

  it('steers it as soon as it can be', async () => {
    const { steering, rules } = aSteering();
    rules.reasons.set('IPv6', 'no');
    expect([await steering.steers('IPv4'), await steering.steers('IPv6')]).toEqual([true, false]);
    await steering.apply(BOTH, 'everything');
    rules.reasons.clear();
    // Not at every change: to find out takes a while, and what was missing seldom comes.
    expect(await steering.apply(BOTH, 'changes')).toHaveLength(1);
    expect(await steering.apply(BOTH, 'everything')).toEqual([]);
    expect(await steering.steers('IPv6')).toBe(true);
    expect(rules.written.at(-1)?.state).toEqual(BOTH);
  });

  it('waits for no removal of flows, and begins one when the one before has ended', async () => {
    const { rules } = aSteering();
    const ends: (() => void)[] = [];
    const update = () => new Promise<void>((resolve) => void ends.push(resolve));
    const steering = new PacketSteering(rules, { update });
    await steering.apply(BOTH, 'everything');
    await steering.apply(BOTH, 'changes');
    expect(ends).toHaveLength(1);
    ends[0]?.();
    await eventually(() => expect(ends).toHaveLength(2));
    ends[1]?.();
    await steering.remove();
  });
});

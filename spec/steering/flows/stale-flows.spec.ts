import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FlowGroup, FlowPlace } from '../../../src/steering/flows/conntrack-dump.js';
import { staleFlows } from '../../../src/steering/flows/stale-flows.js';
import { endedWays, udpWayKey, udpWaysOf } from '../../../src/steering/flows/udp-ways.js';
import { NOTHING_STEERED, type Redirect, type SteeringState } from '../../../src/steering/steering.js';
import { aRedirect, steeringState } from '../../support/steering-values.js';

const NODE = '172.30.0.1';
const CLUSTER_IP: FlowPlace = { address: '10.96.0.10', port: 53 };

const isLocal = (address: string): boolean => [NODE, '127.0.0.1'].includes(address);

function dns(changes: Partial<Redirect> = {}): Redirect {
  return aRedirect({ protocol: 'UDP', address: CLUSTER_IP.address, port: 53, ...changes });
}

function flow(sentTo: FlowPlace, goesTo: FlowPlace = sentTo, isZoned = false): FlowGroup {
  return { family: 'IPv4', sentTo, goesTo, isZoned, flows: 1 };
}

function atNode(port: number): FlowPlace {
  return { address: NODE, port };
}

/** Whether it is stale once the rules are those of `after`, having been those of `before`. */
function isStale(group: FlowGroup, after: SteeringState, before: SteeringState = NOTHING_STEERED): boolean {
  const [old, ways] = [udpWaysOf(before), udpWaysOf(after)];
  return staleFlows([group], { ways, ended: new Set(endedWays(old, ways).keys()), isLocal }).length === 1;
}

describe('a flow of a way that leads to a portal', () => {
  const state = steeringState(dns());

  it('is right where it goes there', () => {
    expect(isStale(flow(CLUSTER_IP, atNode(40_001)), state)).toBe(false);
    expect(isStale(flow(CLUSTER_IP, { address: '127.0.0.1', port: 40_001 }), state)).toBe(false);
  });

  it('is stale where it goes to another portal, to another host, or is from before the rule', () => {
    expect(isStale(flow(CLUSTER_IP, atNode(40_002)), state)).toBe(true);
    expect(isStale(flow(CLUSTER_IP, { address: '10.1.0.9', port: 40_001 }), state)).toBe(true);
    expect(isStale(flow(CLUSTER_IP), state)).toBe(true);
  });

  it('is let be in a zone apart as long as it is not translated there', () => {
    expect(isStale(flow(CLUSTER_IP, CLUSTER_IP, true), state)).toBe(false);
    expect(isStale(flow(CLUSTER_IP, atNode(40_002), true), state)).toBe(true);
  });

  it('may go to either of two portals, where that depends on the client', () => {
    const both = steeringState(
      dns({ fromNode: { portal: { address: '0.0.0.0', port: 40_002 }, verdict: 'redirect' } }),
    );
    const stale = [40_001, 40_002, 40_003].map((port) => isStale(flow(CLUSTER_IP, atNode(port)), both));
    expect(stale).toEqual([false, false, true]);
    const dropped = steeringState(
      dns({
        verdict: 'drop',
        fromNode: { portal: { address: '0.0.0.0', port: 40_002 }, verdict: 'redirect' },
      }),
    );
    expect(isStale(flow(CLUSTER_IP, atNode(40_001)), dropped)).toBe(true);
    expect(isStale(flow(CLUSTER_IP, atNode(40_002)), dropped)).toBe(false);
  });

  it('looks as if there were no rule where the portal has the same address and port', () => {
    const same = dns({ kind: 'ExternalIP', address: NODE, portal: { address: '0.0.0.0', port: 53 } });
    expect(isStale(flow(atNode(53)), steeringState(same))).toBe(false);
  });

  it('is stale when other clients may use it from now on, whichever portal it goes to', () => {
    const narrowed = steeringState(dns({ kind: 'LoadBalancer', sourceRanges: ['10.0.0.0/8'] }));
    expect(isStale(flow(CLUSTER_IP, atNode(40_001)), narrowed, state)).toBe(true);
    expect(isStale(flow(CLUSTER_IP, atNode(40_001)), narrowed, narrowed)).toBe(false);
  });
});

describe('a flow of a NodePort', () => {
  const state = steeringState(dns({ kind: 'NodePort', address: null, port: 30_053 }));

  it('is one to an address of the node', () => {
    expect(isStale(flow(atNode(30_053), atNode(40_001)), state)).toBe(false);
    expect(isStale(flow(atNode(30_053), atNode(40_002)), state)).toBe(true);
    expect(isStale(flow(atNode(30_053)), state)).toBe(true);
    const elsewhere = { address: '192.0.2.7', port: 30_053 };
    expect(isStale(flow(elsewhere), state)).toBe(false);
    expect(isStale(flow(elsewhere, { address: '10.1.0.9', port: 9 }), state)).toBe(false);
  });

  it('is of its own family', () => {
    const sentTo = { address: '::1', port: 30_053 };
    const group: FlowGroup = { ...flow(sentTo), family: 'IPv6' };
    const ways = udpWaysOf(state);
    expect(staleFlows([group], { ways, ended: new Set(), isLocal: () => true })).toEqual([]);
  });
});

describe('a flow of a way that is refused', () => {
  it.each(['reject', 'drop'] as const)('is stale where it goes to a portal, under %s', (verdict) => {
    const state = steeringState(dns({ verdict }));
    expect(isStale(flow(CLUSTER_IP, atNode(40_001)), state)).toBe(true);
    expect(isStale(flow(CLUSTER_IP), state)).toBe(false);
  });
});

describe('a flow of a way that is gone', () => {
  it('is stale where it is translated', () => {
    const before = steeringState(dns());
    expect(isStale(flow(CLUSTER_IP, atNode(40_001)), NOTHING_STEERED, before)).toBe(true);
    expect(isStale(flow(CLUSTER_IP), NOTHING_STEERED, before)).toBe(false);
    expect(isStale(flow(CLUSTER_IP, atNode(40_001)), NOTHING_STEERED)).toBe(false);
  });
});

describe('a flow of no way in', () => {
  const state = steeringState(dns());

  it('is stale where it goes to a portal, whose port had another service port before a restart', () => {
    expect(isStale(flow({ address: '10.96.0.99', port: 53 }, atNode(40_001)), state)).toBe(true);
    expect(
      isStale(flow({ address: '10.96.0.99', port: 53 }, { address: '10.1.0.9', port: 40_001 }), state),
    ).toBe(false);
  });

  it('is not touched where it goes straight to a portal, or has to do with something else', () => {
    expect(isStale(flow(atNode(40_001)), state)).toBe(false);
    expect(isStale(flow({ address: '10.96.0.10', port: 54 }), state)).toBe(false);
    expect(isStale(flow({ address: '8.8.8.8', port: 53 }), state)).toBe(false);
  });

  it('is not touched for ways of TCP', () => {
    const tcp = steeringState(dns({ protocol: 'TCP' }));
    expect(isStale(flow(CLUSTER_IP), tcp)).toBe(false);
    expect(isStale(flow({ address: '10.96.0.99', port: 53 }, atNode(40_001)), tcp)).toBe(false);
  });
});

describe('whatever the rules were before', () => {
  const portal = fc.integer({ min: 40_000, max: 40_003 }).map((port) => ({ address: '0.0.0.0', port }));
  const ways = ['10.96.0.1', '10.96.0.2', NODE, null] as const;
  const state = fc
    .uniqueArray(
      fc.record({
        address: fc.constantFrom(...ways),
        portal,
        verdict: fc.constantFrom(
          'redirect' as const,
          'redirect' as const,
          'reject' as const,
          'drop' as const,
        ),
      }),
      { selector: ({ address }) => address },
    )
    .map((redirects) =>
      steeringState(
        ...redirects.map(({ address, ...to }) =>
          dns({ address, kind: address === null ? 'NodePort' : 'ClusterIP', port: portOf(address), ...to }),
        ),
      ),
    );

  function portOf(address: string | null): number {
    return address === null ? 30_053 : 53;
  }

  /** Where the rules send the first packet of a flow: to a portal, where it was sent, or nowhere at all. */
  function sent({ redirects }: SteeringState, address: string | null): number | 'untouched' | 'nowhere' {
    const redirect = redirects.find((candidate) => candidate.address === address);
    if (redirect === undefined) return 'untouched';
    return redirect.verdict === 'redirect' ? redirect.portal.port : 'nowhere';
  }

  it('those flows are stale which the rules of now would send elsewhere, and no others', () => {
    fc.assert(
      fc.property(state, state, fc.constantFrom(...ways), (before, after, address) => {
        const [then, now] = [sent(before, address), sent(after, address)];
        if (then === 'nowhere') return;
        const sentTo = { address: address ?? NODE, port: portOf(address) };
        const group = flow(sentTo, then === 'untouched' ? sentTo : atNode(then));
        // What is refused now leaves no flow, and one that is not translated goes nowhere with it.
        const isRight = then === now || (then === 'untouched' && now === 'nowhere');
        expect(isStale(group, after, before)).toBe(!isRight);
      }),
    );
  });

  it('a way is known by its address and port, that of a NodePort by its family and port', () => {
    expect(udpWayKey('IPv4', '10.96.0.1', 53)).toBe('10.96.0.1 53');
    expect(udpWayKey('IPv6', null, 53)).toBe('IPv6 53');
  });
});

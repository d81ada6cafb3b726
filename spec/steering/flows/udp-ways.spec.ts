import { describe, expect, it } from 'vitest';
import {
  endedWays,
  familiesOf,
  mayDifferInUdp,
  sameUdpWays,
  udpWaysOf,
} from '../../../src/steering/flows/udp-ways.js';
import { NOTHING_STEERED, type Redirect } from '../../../src/steering/steering.js';
import { aRedirect, steeringState } from '../../support/steering-values.js';

function dns(changes: Partial<Redirect> = {}): Redirect {
  return aRedirect({ protocol: 'UDP', address: '10.96.0.10', port: 53, ...changes });
}

describe('what steering does to UDP', () => {
  it('is where each way in may lead, and which portals are open', () => {
    const { ways, portalPorts } = udpWaysOf(
      steeringState(
        dns(),
        dns({ address: '10.96.0.11', verdict: 'reject' }),
        dns({ kind: 'NodePort', address: null, port: 30_053, family: 'IPv6' }),
        aRedirect({ port: 80, portal: { address: '::', port: 40_080 } }),
      ),
    );
    expect([...ways].map(([key, { portalPorts: ports }]) => [key, ports])).toEqual([
      ['10.96.0.10 53', [40_001]],
      ['10.96.0.11 53', []],
      ['IPv6 30053', [40_001]],
    ]);
    expect(portalPorts).toEqual(new Set([40_001]));
    expect(familiesOf(ways.values())).toEqual(['IPv4', 'IPv6']);
  });

  it('ends where a way is gone, or for other clients', () => {
    const before = steeringState(dns(), dns({ address: '10.96.0.11' }), dns({ address: '10.96.0.12' }));
    const after = steeringState(
      dns({ portal: { address: '::', port: 40_009 } }),
      dns({ address: '10.96.0.11', sourceRanges: ['10.0.0.0/8'] }),
    );
    const ended = endedWays(udpWaysOf(before), udpWaysOf(after));
    expect([...ended.keys()]).toEqual(['10.96.0.11 53', '10.96.0.12 53']);
  });
});

describe('two states', () => {
  const web = aRedirect();
  const state = steeringState(dns(), web);

  it('are found to be the same about UDP by the redirects that they share', () => {
    const { portals, redirects } = state;
    const [shared = web] = redirects;
    expect(mayDifferInUdp(state, { redirects: [shared, aRedirect({ port: 81 })], portals })).toBe(false);
    expect(mayDifferInUdp(state, { redirects: [shared, dns({ port: 54 })], portals })).toBe(true);
    expect(mayDifferInUdp(state, { redirects: [web], portals })).toBe(true);
    expect(mayDifferInUdp(state, { redirects, portals: [...portals] })).toBe(true);
  });

  it('differ in a portal, also where nothing is steered to it', () => {
    const portals = [...state.portals, { protocol: 'UDP', address: '::', port: 40_050 } as const];
    const [one, other] = [udpWaysOf(state), udpWaysOf({ ...state, portals })];
    expect([sameUdpWays(one, one), sameUdpWays(one, other), sameUdpWays(other, one)]).toEqual([
      true,
      false,
      false,
    ]);
    expect(sameUdpWays(one, udpWaysOf(NOTHING_STEERED))).toBe(false);
  });
});

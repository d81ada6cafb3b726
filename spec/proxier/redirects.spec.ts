import { describe, expect, it } from 'vitest';
import { redirectsOf } from '../../src/proxier/redirects.js';
import { aServicePort, endpoints } from '../support/proxy-values.js';

const PORTAL = { address: '0.0.0.0', port: 40_123 };
const everywhere = aServicePort({
  clusterIPs: ['10.96.0.1', 'fd00::1'],
  externalIPs: ['192.0.2.1'],
  loadBalancerIPs: ['198.51.100.1'],
  loadBalancerSourceRanges: ['203.0.113.0/24'],
  nodePort: 30_080,
});
const state = {
  servicePorts: new Map([[everywhere.name, everywhere]]),
  endpoints: new Map([[everywhere.name, endpoints(3001)]]),
  externalEndpoints: new Map(),
};

describe('the redirects of a state', () => {
  it('hold every way into a service port that has a portal', () => {
    const ways = redirectsOf(state, new Map([[everywhere.name, PORTAL]]));
    expect(ways.map(({ kind, address, port }) => [kind, address, port])).toEqual([
      ['ClusterIP', '10.96.0.1', 3000],
      ['ClusterIP', 'fd00::1', 3000],
      ['ExternalIP', '192.0.2.1', 3000],
      ['LoadBalancer', '198.51.100.1', 3000],
      ['NodePort', null, 30_080],
    ]);
    expect(ways.every(({ portal, protocol }) => portal === PORTAL && protocol === 'TCP')).toBe(true);
  });

  it('limit only the load balancer to its source ranges', () => {
    const ways = redirectsOf(state, new Map([[everywhere.name, PORTAL]]));
    expect(ways.filter(({ sourceRanges }) => sourceRanges.length > 0).map(({ kind }) => kind)).toEqual([
      'LoadBalancer',
    ]);
  });

  it('leave out a service port without a portal: there is nothing to steer to', () => {
    expect(redirectsOf(state, new Map())).toEqual([]);
  });

  it('tell which service ports have no endpoints', () => {
    const portals = new Map([[everywhere.name, PORTAL]]);
    const withoutEndpoints = { ...state, endpoints: new Map() };
    expect(redirectsOf(state, portals).every(({ hasEndpoints }) => hasEndpoints)).toBe(true);
    expect(redirectsOf(withoutEndpoints, portals).some(({ hasEndpoints }) => hasEndpoints)).toBe(false);
  });
});

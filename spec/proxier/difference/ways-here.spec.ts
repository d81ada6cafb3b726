import { describe, expect, it } from 'vitest';
import { endpoint } from '../../../src/model/endpoint.js';
import type { ServiceState } from '../../../src/model/service-state.js';
import { waysHere } from '../../../src/proxier/difference/ways-here.js';
import { aServicePort, endpoints } from '../../support/proxy-values.js';

const everywhere = aServicePort({
  clusterIPs: ['10.96.0.1'],
  externalIPs: ['192.0.2.1'],
  loadBalancerIPs: ['198.51.100.1'],
  loadBalancerSourceRanges: ['203.0.113.0/24', '10.0.0.0/8'],
  nodePort: 30_080,
  sessionAffinity: { type: 'ClientIP', timeoutSeconds: 600 },
});
const { name } = everywhere;

function stateOf(state: Partial<ServiceState>): ServiceState {
  return {
    servicePorts: new Map([[name, everywhere]]),
    endpoints: new Map([[name, endpoints(3002, 3001)]]),
    externalEndpoints: new Map(),
    readyLocalEndpoints: new Map(),
    ...state,
  };
}

const keysOf = (...ports: readonly number[]) => endpoints(...ports).map(({ key }) => key);

describe('what kube-splice would do', () => {
  it('is every way in, with its endpoints, affinity and source ranges', () => {
    const served = {
      servicePort: name,
      outcome: 'served',
      endpoints: keysOf(3001, 3002),
      affinitySeconds: 600,
    };
    const { ways, conflicts, withoutRule } = waysHere(stateOf({}));
    expect(ways).toMatchObject([
      { ...served, kind: 'ClusterIP', address: '10.96.0.1', port: 3000, sourceRanges: [] },
      { ...served, kind: 'ExternalIP', address: '192.0.2.1', port: 3000, sourceRanges: [] },
      {
        ...served,
        kind: 'LoadBalancer',
        address: '198.51.100.1',
        sourceRanges: ['10.0.0.0/8', '203.0.113.0/24'],
      },
      { ...served, kind: 'NodePort', address: null, port: 30_080, family: 'IPv4', sourceRanges: [] },
    ]);
    expect(conflicts).toEqual([]);
    expect(withoutRule.size).toBe(0);
  });

  it('follows the policy of traffic from outside where that has endpoints of its own', () => {
    const { ways } = waysHere(stateOf({ externalEndpoints: new Map([[name, endpoints(3001)]]) }));
    expect(ways.map(({ kind, endpoints: keys }) => [kind, keys])).toEqual([
      ['ClusterIP', keysOf(3001, 3002)],
      ['ExternalIP', keysOf(3001)],
      ['LoadBalancer', keysOf(3001)],
      ['NodePort', keysOf(3001)],
    ]);
  });

  it('is to refuse what has no endpoints, and to drop what has none on this node', () => {
    const local = { ...everywhere, externalTrafficPolicy: 'Local' } as const;
    const nowhere = waysHere(stateOf({ endpoints: new Map() })).ways;
    expect(nowhere.map(({ outcome, endpoints: keys }) => [outcome, keys])).toEqual(
      nowhere.map(() => ['rejected', null]),
    );
    const elsewhere = waysHere(
      stateOf({ servicePorts: new Map([[name, local]]), externalEndpoints: new Map([[name, []]]) }),
    ).ways;
    expect(elsewhere.map(({ outcome }) => outcome)).toEqual(['served', 'dropped', 'dropped', 'dropped']);
  });

  it('needs no rule where an endpoint itself is at the address: that one gets what is sent there', () => {
    const itself = endpoint('192.0.2.1', 3000);
    const { ways, withoutRule } = waysHere(
      stateOf({ endpoints: new Map([[name, [itself, ...endpoints(3001)]]]) }),
    );
    expect([...withoutRule]).toEqual(['TCP 192.0.2.1 3000']);
    expect(ways.filter(({ address }) => address === '192.0.2.1')).toMatchObject([
      { kind: 'ExternalIP', outcome: 'served', endpoints: ['192.0.2.1:3000'] },
    ]);
  });

  it('gives a way that two service ports claim to the first by name, and tells so', () => {
    const other = aServicePort({ name: 'default/aaa:main', service: 'aaa', clusterIPs: ['10.96.0.1'] });
    const both = stateOf({
      servicePorts: new Map([
        [name, everywhere],
        [other.name, other],
      ]),
    });
    const { ways, conflicts } = waysHere(both);
    expect(
      ways.filter(({ address }) => address === '10.96.0.1').map(({ servicePort }) => servicePort),
    ).toEqual(['default/aaa:main']);
    expect(conflicts).toEqual([
      expect.stringContaining('default/aaa:main has ClusterIP 10.96.0.1, port 3000/TCP already'),
    ]);
  });
});

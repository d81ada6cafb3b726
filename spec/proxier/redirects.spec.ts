import { describe, expect, it } from 'vitest';
import { endpoint } from '../../src/model/endpoint.js';
import type { ServiceState } from '../../src/model/service-state.js';
import { RedirectList, redirectsOf } from '../../src/proxier/redirects.js';
import { aServicePort, endpoints } from '../support/proxy-values.js';

const PORTAL = { address: '0.0.0.0', port: 40_123 };
const EXTERNAL_PORTAL = { address: '0.0.0.0', port: 40_124 };
const everywhere = aServicePort({
  clusterIPs: ['10.96.0.1', 'fd00::1'],
  externalIPs: ['192.0.2.1'],
  loadBalancerIPs: ['198.51.100.1'],
  loadBalancerSourceRanges: ['203.0.113.0/24'],
  nodePort: 30_080,
});
const { name } = everywhere;
const state = {
  servicePorts: new Map([[name, everywhere]]),
  endpoints: new Map([[name, endpoints(3001)]]),
  externalEndpoints: new Map(),
  readyLocalEndpoints: new Map(),
};
const portals = new Map([[name, PORTAL]]);

function verdictsOf(of: ServiceState): ReadonlySet<string> {
  return new Set(redirectsOf(name, of, portals).map(({ verdict }) => verdict));
}

describe('the redirects of a service port', () => {
  it('hold every way into it', () => {
    const ways = redirectsOf(name, state, portals);
    expect(ways.map(({ kind, address, port }) => [kind, address, port])).toEqual([
      ['ClusterIP', '10.96.0.1', 3000],
      ['ClusterIP', 'fd00::1', 3000],
      ['ExternalIP', '192.0.2.1', 3000],
      ['LoadBalancer', '198.51.100.1', 3000],
      ['NodePort', null, 30_080],
      ['NodePort', null, 30_080],
    ]);
    expect(ways.map(({ portal }) => portal)).toEqual(ways.map(() => PORTAL));
    expect(ways.every(({ protocol, fromNode }) => protocol === 'TCP' && fromNode === null)).toBe(true);
  });

  it('limit only the load balancer to its source ranges', () => {
    const limited = redirectsOf(name, state, portals).filter(({ sourceRanges }) => sourceRanges.length > 0);
    expect(limited.map(({ kind }) => kind)).toEqual(['LoadBalancer']);
  });

  it('are on the node ports of the families that its ClusterIPs have', () => {
    const families = (clusterIPs: readonly string[]) => {
      const servicePort = { ...everywhere, clusterIPs };
      const ways = redirectsOf(name, { ...state, servicePorts: new Map([[name, servicePort]]) }, portals);
      return ways.filter(({ kind }) => kind === 'NodePort').map(({ family }) => family);
    };
    expect(families(['10.96.0.1', 'fd00::1'])).toEqual(['IPv4', 'IPv6']);
    expect(families(['fd00::1'])).toEqual(['IPv6']);
    expect(families([])).toEqual(['IPv4']);
  });

  it('leave out a node port that another program holds', () => {
    const ways = redirectsOf(name, state, portals, false);
    expect(ways.map(({ kind }) => kind)).not.toContain('NodePort');
    expect(ways).toHaveLength(4);
  });

  it('leave out an address and port that an endpoint of its own has, but where only some sources may come', () => {
    const inNodeNetwork = { ...state, endpoints: new Map([[name, [endpoint('192.0.2.1', 3000)]]]) };
    expect(redirectsOf(name, inNodeNetwork, portals).map(({ kind }) => kind)).not.toContain('ExternalIP');
    const otherPort = { ...state, endpoints: new Map([[name, [endpoint('192.0.2.1', 3001)]]]) };
    expect(redirectsOf(name, otherPort, portals).map(({ kind }) => kind)).toContain('ExternalIP');
    const limited = { ...state, endpoints: new Map([[name, [endpoint('198.51.100.1', 3000)]]]) };
    expect(redirectsOf(name, limited, portals).map(({ kind }) => kind)).toContain('LoadBalancer');
  });

  it('are none without a portal: there is nothing to steer to', () => {
    expect(redirectsOf(name, state, new Map())).toEqual([]);
  });

  it('are rejected where it has no endpoints', () => {
    const withoutEndpoints = { ...state, endpoints: new Map() };
    expect(verdictsOf(state)).toEqual(new Set(['redirect']));
    expect(verdictsOf(withoutEndpoints)).toEqual(new Set(['reject']));
  });
});

describe('the redirects of a service port whose external traffic follows another policy', () => {
  const local = { ...everywhere, externalTrafficPolicy: 'Local' as const };
  const split = {
    ...state,
    servicePorts: new Map([[name, local]]),
    externalEndpoints: new Map([[name, []]]),
  };
  const both = new Map([
    [name, PORTAL],
    [`${name}@external` as const, EXTERNAL_PORTAL],
  ]);
  const internal = { portal: PORTAL, verdict: 'redirect' };

  it('send the ClusterIPs to one portal and all else to the other, each with endpoints of its own', () => {
    const ways = redirectsOf(name, split, both);
    expect(ways.map(({ kind, portal, verdict }) => [kind, portal.port, verdict])).toEqual([
      ['ClusterIP', 40_123, 'redirect'],
      ['ClusterIP', 40_123, 'redirect'],
      ['ExternalIP', 40_124, 'drop'],
      ['LoadBalancer', 40_124, 'drop'],
      ['NodePort', 40_124, 'drop'],
      ['NodePort', 40_124, 'drop'],
    ]);
  });

  it('send what comes from the node to any endpoint, past the external policy Local', () => {
    const ways = redirectsOf(name, split, both);
    expect(ways.map(({ fromNode }) => fromNode)).toEqual([
      null,
      null,
      internal,
      internal,
      internal,
      internal,
    ]);
  });

  it('make no exception for the node where it is the internal policy that is Local', () => {
    const internalLocal = { ...everywhere, internalTrafficPolicy: 'Local' as const };
    const ways = redirectsOf(name, { ...split, servicePorts: new Map([[name, internalLocal]]) }, both);
    expect(ways.map(({ fromNode }) => fromNode)).toEqual(ways.map(() => null));
  });

  it('never send one kind of traffic to the portal of the other', () => {
    expect(redirectsOf(name, split, portals).map(({ kind }) => kind)).toEqual(['ClusterIP', 'ClusterIP']);
    const onlyExternal = redirectsOf(name, split, new Map([...both].slice(1)));
    expect(onlyExternal.map(({ kind, fromNode }) => [kind, fromNode])).toEqual([
      ['ExternalIP', null],
      ['LoadBalancer', null],
      ['NodePort', null],
      ['NodePort', null],
    ]);
  });
});

describe('the list of redirects', () => {
  const other = aServicePort({ name: 'default/other' });
  const two = { ...state, servicePorts: new Map([...state.servicePorts, [other.name, other]]) };
  const open = new Map([...portals, [other.name, { address: '0.0.0.0', port: 40_125 }]]);
  const filled = () => {
    const list = new RedirectList();
    return { list, before: list.update([name, other.name], two, open) };
  };

  it('is the same array where nothing in it changed', () => {
    const { list, before } = filled();
    expect(before).toHaveLength(7);
    const moved = { ...two, endpoints: new Map([[name, endpoints(3002, 3003)]]) };
    expect(list.update([name, other.name], moved, open)).toBe(before);
    expect(list.update([], moved, open)).toBe(before);
  });

  it('is another one where something did, and the old one stays as it was', () => {
    const { list, before } = filled();
    const copy = structuredClone(before);
    const after = list.update([name], { ...two, endpoints: new Map() }, open);
    expect(after).not.toBe(before);
    expect(after.filter(({ servicePort }) => servicePort === name).map((way) => way.verdict)).toEqual(
      Array.from({ length: 6 }, () => 'reject'),
    );
    expect(before).toEqual(copy);
  });

  it('looks at no other service port than those it is told of', () => {
    const { list, before } = filled();
    expect(list.update([other.name], { ...two, servicePorts: new Map() }, open)).toEqual(
      before.filter(({ servicePort }) => servicePort === name),
    );
    expect([...list.servicePorts()]).toEqual([name]);
  });
});

describe('traffic that a Service has no endpoints for on this node', () => {
  const local = { ...everywhere, externalTrafficPolicy: 'Local' as const };
  const both = new Map([
    [name, PORTAL],
    [`${name}@external` as const, EXTERNAL_PORTAL],
  ]);
  const verdicts = (here: ServiceState) =>
    new Set(redirectsOf(name, here, both).map(({ kind, verdict }) => `${kind} ${verdict}`));

  it('is rejected where there are none on other nodes either', () => {
    const none = {
      servicePorts: new Map([[name, local]]),
      endpoints: new Map(),
      externalEndpoints: new Map([[name, []]]),
      readyLocalEndpoints: new Map(),
    };
    expect(verdicts(none)).toEqual(
      new Set(['ClusterIP reject', 'ExternalIP reject', 'LoadBalancer reject', 'NodePort reject']),
    );
  });
});

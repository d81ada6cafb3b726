import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { IPFamily } from '../../src/model/address.js';
import { candidateEndpoints } from '../../src/model/candidate-endpoint.js';
import { endpointsOf } from '../../src/model/eligible-endpoints.js';
import type { Endpoint } from '../../src/model/endpoint.js';
import type { EndpointSlice, SliceEndpoint } from '../../src/model/endpoint-slice.js';
import { type NodeTopology, UNKNOWN_NODE } from '../../src/model/node.js';
import type { ServicePort } from '../../src/model/service-port.js';
import { aServicePort } from '../support/proxy-values.js';
import { nodes, services, slices } from '../support/slice-arbitraries.js';
import { aSlice, at } from '../support/slice-values.js';

const NODE: NodeTopology = { name: 'node-a', zone: 'zone-a' };
const HERE = { nodeName: 'node-a' };
const THERE = { nodeName: 'node-b' };
const forZone = (zone: string) => ({ hints: { forZones: [zone], forNodes: [] } });

const textOf = (endpoints: readonly Endpoint[] | undefined) => endpoints?.map(({ address }) => address);
/** The addresses that traffic to the ClusterIP goes to. */
const internal = (
  endpoints: readonly SliceEndpoint[],
  {
    family = null,
    node = NODE,
    ...changes
  }: Partial<ServicePort> & { family?: IPFamily | null; node?: NodeTopology } = {},
) => textOf(endpointsOf(aServicePort(changes), family, [aSlice(endpoints)], node).endpoints);
const local = { internalTrafficPolicy: 'Local' } as const;

describe('the endpoints of a service port', () => {
  it('are the ready ones, and only those while there is one', () => {
    expect(internal([at('10.0.0.1', 'draining'), at('10.0.0.2'), at('10.0.0.3', 'not ready')])).toEqual([
      '10.0.0.2',
    ]);
  });

  it('are those that serve while they terminate where none is ready', () => {
    const all = [at('10.0.0.1', 'draining'), at('10.0.0.2', 'not ready'), at('10.0.0.3', 'terminating')];
    expect(internal(all)).toEqual(['10.0.0.1']);
  });

  it('are none where none may serve', () => {
    expect(internal([at('10.0.0.2', 'not ready'), at('10.0.0.3', 'terminating')])).toEqual([]);
  });

  it('are those of the primary family', () => {
    const all = [at('fd00::1'), at('10.0.0.1')];
    expect(internal(all, { family: 'IPv4' })).toEqual(['10.0.0.1']);
    expect(internal(all, { family: 'IPv6' })).toEqual(['fd00::1']);
    expect(internal(all)).toEqual(['10.0.0.1', 'fd00::1']);
  });

  it('are those of the other family only where the primary one has none that may serve', () => {
    const family = 'IPv4';
    expect(internal([at('10.0.0.1', 'not ready'), at('fd00::1')], { family })).toEqual(['fd00::1']);
    expect(internal([at('10.0.0.1', 'draining'), at('fd00::1')], { family })).toEqual(['10.0.0.1']);
  });
});

describe('policy Local', () => {
  it('leaves the endpoints on the node', () => {
    expect(internal([at('10.0.0.1', 'ready', HERE), at('10.0.0.2', 'ready', THERE)], local)).toEqual([
      '10.0.0.1',
    ]);
  });

  it('leaves none where none is on the node, whatever the rest of the cluster has', () => {
    expect(internal([at('10.0.0.2', 'ready', THERE), at('10.0.0.3')], local)).toEqual([]);
  });

  it('leaves none where nobody knows which node this is', () => {
    const all = [at('10.0.0.1', 'ready', HERE), at('10.0.0.3')];
    expect(internal(all, { ...local, node: UNKNOWN_NODE })).toEqual([]);
  });

  it('falls back to one on the node that terminates, before any that is ready elsewhere', () => {
    expect(internal([at('10.0.0.1', 'draining', HERE), at('10.0.0.2', 'ready', THERE)], local)).toEqual([
      '10.0.0.1',
    ]);
  });

  it('follows no hints', () => {
    const all = [
      at('10.0.0.1', 'ready', { ...HERE, ...forZone('zone-b') }),
      at('10.0.0.2', 'ready', { ...HERE, ...forZone('zone-a') }),
    ];
    expect(internal(all, local)).toEqual(['10.0.0.1', '10.0.0.2']);
    expect(internal(all)).toEqual(['10.0.0.2']);
  });

  it('takes one of the other family on the node, before one of the primary family elsewhere', () => {
    const all = [at('10.0.0.2', 'ready', THERE), at('fd00::1', 'ready', HERE)];
    expect(internal(all, { ...local, family: 'IPv4' })).toEqual(['fd00::1']);
    const both = [at('10.0.0.1', 'ready', HERE), at('fd00::1', 'ready', HERE)];
    expect(internal(both, { ...local, family: 'IPv4' })).toEqual(['10.0.0.1']);
  });
});

describe('topology hints', () => {
  const near = at('10.0.0.1', 'ready', forZone('zone-a'));
  const far = at('10.0.0.2', 'ready', forZone('zone-b'));

  it('leave the endpoints that are meant for the zone', () => {
    expect(internal([near, far])).toEqual(['10.0.0.1']);
  });

  it('are ignored on a node without a zone', () => {
    expect(internal([near, far], { node: { name: 'node-a', zone: null } })).toEqual(['10.0.0.1', '10.0.0.2']);
  });

  it('are ignored where no endpoint is meant for the zone', () => {
    const node = { name: 'node-a', zone: 'zone-c' };
    expect(internal([near, far], { node })).toEqual(['10.0.0.1', '10.0.0.2']);
  });

  it('are ignored where a ready endpoint has none', () => {
    expect(internal([near, far, at('10.0.0.3')])).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3']);
  });

  it('are followed where only an endpoint that is not ready has none', () => {
    expect(internal([near, far, at('10.0.0.3', 'not ready'), at('10.0.0.4', 'draining')])).toEqual([
      '10.0.0.1',
    ]);
  });

  it('are ignored where only endpoints that terminate are left', () => {
    const all = [
      at('10.0.0.1', 'draining', forZone('zone-a')),
      at('10.0.0.2', 'draining', forZone('zone-b')),
    ];
    expect(internal(all)).toEqual(['10.0.0.1', '10.0.0.2']);
  });

  it('of the zone are ignored where its endpoint is not ready: another zone serves', () => {
    const all = [at('10.0.0.1', 'not ready', forZone('zone-a')), far];
    expect(internal(all)).toEqual(['10.0.0.2']);
  });

  it('for the node come before those for the zone', () => {
    const hints = (node: string) => ({ hints: { forZones: ['zone-a'], forNodes: [node] } });
    const all = [at('10.0.0.1', 'ready', hints('node-a')), at('10.0.0.2', 'ready', hints('node-b'))];
    expect(internal(all)).toEqual(['10.0.0.1']);
    expect(internal(all, { node: { name: 'node-c', zone: 'zone-a' } })).toEqual(['10.0.0.1', '10.0.0.2']);
  });

  it('are judged among the endpoints of one family', () => {
    expect(internal([near, far, at('fd00::1')], { family: 'IPv4' })).toEqual(['10.0.0.1']);
    expect(internal([at('10.0.0.9'), at('fd00::1', 'ready', forZone('zone-a'))], { family: 'IPv4' })).toEqual(
      ['10.0.0.9'],
    );
  });
});

describe('traffic from outside of the cluster', () => {
  const all = [aSlice([at('10.0.0.1', 'ready', HERE), at('10.0.0.2', 'ready', THERE)])];
  const both = (changes: Partial<ServicePort>) => {
    const { endpoints, externalEndpoints } = endpointsOf(aServicePort(changes), null, all, NODE);
    return [textOf(endpoints), textOf(externalEndpoints)];
  };

  it.each<[string, Partial<ServicePort>]>([
    ['NodePort', { nodePort: 30080 }],
    ['ExternalIP', { externalIPs: ['172.30.0.1'] }],
    ['load-balancer IP', { loadBalancerIPs: ['172.30.0.2'] }],
  ])('to a %s follows its own policy', (_what, reached) => {
    expect(both({ ...reached, externalTrafficPolicy: 'Local' })).toEqual([
      ['10.0.0.1', '10.0.0.2'],
      ['10.0.0.1'],
    ]);
    expect(both({ ...reached, internalTrafficPolicy: 'Local' })).toEqual([
      ['10.0.0.1'],
      ['10.0.0.1', '10.0.0.2'],
    ]);
  });

  it('is not told apart where both policies are the same, or nothing comes from there', () => {
    expect(both({ nodePort: 30080 })[1]).toBe(undefined);
    expect(both({ nodePort: 30080, internalTrafficPolicy: 'Local', externalTrafficPolicy: 'Local' })).toEqual(
      [['10.0.0.1'], undefined],
    );
    expect(both({ externalTrafficPolicy: 'Local' })[1]).toBe(undefined);
  });

  it('may have no endpoint where that to the ClusterIP has some', () => {
    const changes = { nodePort: 30080, externalTrafficPolicy: 'Local' } as const;
    const found = endpointsOf(aServicePort(changes), null, all, UNKNOWN_NODE);
    expect(found.externalEndpoints).toEqual([]);
    expect(found.endpoints).toHaveLength(2);
  });
});

describe('what a load balancer is told of', () => {
  const asked: Partial<ServicePort> = { healthCheckNodePort: 32_000, externalTrafficPolicy: 'Local' };
  const told = (endpoints: readonly SliceEndpoint[], changes = asked, node = NODE) =>
    endpointsOf(aServicePort({ nodePort: 30_080, ...changes }), 'IPv4', [aSlice(endpoints)], node);

  it('are the ready endpoints on the node', () => {
    const all = [
      at('10.0.0.1', 'ready', HERE),
      at('10.0.0.2', 'ready', THERE),
      at('10.0.0.3', 'not ready', HERE),
      at('10.0.0.4', 'draining', HERE),
      at('10.0.0.5'),
    ];
    expect(textOf(told(all).readyLocalEndpoints)).toEqual(['10.0.0.1']);
    expect(textOf(told(all, asked, UNKNOWN_NODE).readyLocalEndpoints)).toEqual([]);
  });

  it('are none where those that are left on the node terminate, while traffic is still served by them', () => {
    const found = told([at('10.0.0.1', 'draining', HERE), at('10.0.0.2', 'ready', THERE)]);
    expect(textOf(found.externalEndpoints)).toEqual(['10.0.0.1']);
    expect(found.readyLocalEndpoints).toEqual([]);
  });

  it('are of both families, each once, whatever hints they have', () => {
    const all = [
      at('fd00::1', 'ready', { ...HERE, ...forZone('zone-b') }),
      at('10.0.0.1', 'ready', { ...HERE, ...forZone('zone-b') }),
      at('10.0.0.1', 'ready', { ...HERE, ...forZone('zone-a') }),
    ];
    expect(textOf(told(all).readyLocalEndpoints)).toEqual(['10.0.0.1', 'fd00::1']);
  });

  it.each<[string, Partial<ServicePort>]>([
    ['nothing leads to it from outside yet', { nodePort: null }],
    ['all its traffic stays on the node', { internalTrafficPolicy: 'Local' }],
  ])('are told where %s', (_when, changes) => {
    const found = told([at('10.0.0.1', 'ready', HERE), at('10.0.0.2', 'ready', THERE)], {
      ...asked,
      ...changes,
    });
    expect(found.externalEndpoints).toBeUndefined();
    expect(textOf(found.readyLocalEndpoints)).toEqual(['10.0.0.1']);
  });

  it('is nothing where the Service has no healthCheckNodePort', () => {
    const found = told([at('10.0.0.1', 'ready', HERE)], { externalTrafficPolicy: 'Local' });
    expect(textOf(found.externalEndpoints)).toEqual(['10.0.0.1']);
    expect(found.readyLocalEndpoints).toBeUndefined();
  });
});

describe('whatever the slices are', () => {
  const servicePort = services.map(([service]) => service?.servicePorts[0] ?? aServicePort());
  const family = fc.constantFrom<IPFamily | null>('IPv4', 'IPv6', null);

  it('their order does not matter, nor that one is there twice', () => {
    const shuffled = slices.chain((held) =>
      fc.tuple(fc.constant(held), fc.shuffledSubarray([...held, ...held], { minLength: 2 * held.length })),
    );
    fc.assert(
      fc.property(servicePort, family, nodes, shuffled, (port, primary, node, [held, reordered]) => {
        expect(endpointsOf(port, primary, reordered, node)).toEqual(endpointsOf(port, primary, held, node));
      }),
    );
  });

  it('what serves may, once; Local is on the node; and something serves where the policy allows one', () => {
    fc.assert(
      fc.property(servicePort, family, nodes, slices, (port, primary, node, held) => {
        const candidates = candidateEndpoints(port, held, node);
        const { endpoints, externalEndpoints } = endpointsOf(port, primary, held, node);
        const lists = [
          [port.internalTrafficPolicy, endpoints],
          [port.externalTrafficPolicy, externalEndpoints],
        ] as const;
        for (const [policy, list] of lists) {
          if (list === undefined) continue;
          const allowed = candidates.filter((candidate) => policy === 'Cluster' || candidate.local);
          const keys = list.map(({ key }) => key);
          expect(keys).toEqual([...new Set(keys)].sort());
          expect(allowed.map(({ endpoint }) => endpoint.key)).toEqual(expect.arrayContaining(keys));
          expect(keys.length > 0).toBe(allowed.length > 0);
        }
      }),
    );
  });

  it('a load balancer is told of exactly the ready ones on the node, where it asks', () => {
    fc.assert(
      fc.property(servicePort, family, nodes, slices, (port, primary, node, held) => {
        const expected = candidateEndpoints(port, held, node).filter(({ ready, local }) => ready && local);
        expect(endpointsOf(port, primary, held, node).readyLocalEndpoints).toEqual(
          port.healthCheckNodePort === null ? undefined : expected.map(({ endpoint }) => endpoint),
        );
      }),
    );
  });

  it('hints only narrow, and never down to nothing', () => {
    fc.assert(
      fc.property(servicePort, family, nodes, slices, (drawn, primary, node, held) => {
        const port = { ...drawn, internalTrafficPolicy: 'Cluster' } as const;
        const without = held.map(
          (slice): EndpointSlice => ({
            ...slice,
            endpoints: slice.endpoints.map((one) => ({ ...one, hints: null })),
          }),
        );
        const followed = endpointsOf(port, primary, held, node).endpoints;
        const all = endpointsOf(port, primary, without, node).endpoints;
        expect(all).toEqual(expect.arrayContaining([...followed]));
        expect(followed.length > 0).toBe(all.length > 0);
      }),
    );
  });

  it('an unready endpoint more never takes one away, nor adds one', () => {
    fc.assert(
      fc.property(servicePort, family, nodes, slices, (port, primary, node, held) => {
        const sick = aSlice([at('10.0.0.200', 'not ready')], { origin: held[0]?.origin ?? 'EndpointSlice' });
        expect(endpointsOf(port, primary, [...held, sick], node)).toEqual(
          endpointsOf(port, primary, held, node),
        );
      }),
    );
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { candidateEndpoints, isEligible } from '../../src/model/candidate-endpoint.js';
import type { EndpointHints } from '../../src/model/endpoint-topology.js';
import { type NodeTopology, UNKNOWN_NODE } from '../../src/model/node.js';
import { nodes, services, slices } from '../support/slice-arbitraries.js';
import { aSlice, at } from '../support/slice-values.js';

const HTTP = { portName: 'http', protocol: 'TCP' } as const;
const NODE: NodeTopology = { name: 'node-a', zone: 'zone-a' };

type Candidates = Parameters<typeof candidateEndpoints>;
const keys = (all: Candidates[1], port: Candidates[0] = HTTP, node: NodeTopology = NODE) =>
  candidateEndpoints(port, all, node).map(({ endpoint }) => endpoint.key);
const hints = (forZones: string[], forNodes: string[] = []): { hints: EndpointHints } => ({
  hints: { forZones, forNodes },
});

describe('candidateEndpoints', () => {
  it('merges the slices of a Service, each endpoint once, in a stable order', () => {
    const all = [aSlice([at('10.0.0.3'), at('10.0.0.1')]), aSlice([at('10.0.0.2'), at('10.0.0.1')])];
    expect(keys(all)).toEqual(['10.0.0.1:8080', '10.0.0.2:8080', '10.0.0.3:8080']);
  });

  it('takes one address with two ports for two endpoints', () => {
    const ports = [8080, 8081].map((port) => ({ name: 'http', protocol: 'TCP', port }) as const);
    expect(keys([aSlice([at('10.0.0.1')], { ports })])).toEqual(['10.0.0.1:8080', '10.0.0.1:8081']);
  });

  it('leaves out those that may not serve', () => {
    expect(keys([aSlice([at('10.0.0.2', 'not ready'), at('10.0.0.3', 'terminating')])])).toEqual([]);
    expect(keys([aSlice([at('10.0.0.2', 'draining')])])).toEqual(['10.0.0.2:8080']);
  });

  it.each([
    ['name', { portName: 'https', protocol: 'TCP' } as const, []],
    ['protocol', { portName: 'http', protocol: 'UDP' } as const, []],
    ['name and protocol', HTTP, ['10.0.0.1:8080']],
  ])('matches ports by %s', (_what, port, found) => {
    expect(keys([aSlice([at('10.0.0.1')])], port)).toEqual(found);
  });

  it('matches ports that both have no name', () => {
    const unnamed = aSlice([at('10.0.0.1')], { ports: [{ name: '', protocol: 'TCP', port: 8080 }] });
    expect(keys([unnamed], { portName: '', protocol: 'TCP' })).toEqual(['10.0.0.1:8080']);
    expect(keys([unnamed])).toEqual([]);
  });

  it('uses legacy Endpoints only where there is no slice, an empty one included', () => {
    const legacy = aSlice([at('10.0.0.9')], { origin: 'Endpoints' });
    expect(keys([legacy])).toEqual(['10.0.0.9:8080']);
    expect(keys([legacy, aSlice([at('10.0.0.1')])])).toEqual(['10.0.0.1:8080']);
    expect(keys([legacy, aSlice([])])).toEqual([]);
  });

  it.each<[string, string | null, string | null, boolean]>([
    ['its node', 'node-a', 'node-a', true],
    ['another node', 'node-b', 'node-a', false],
    ['an unknown node', null, 'node-a', false],
    ['any node, seen from nowhere', 'node-a', null, false],
    ['an unknown node, seen from nowhere', null, null, false],
  ])('takes an endpoint on %s for local or not', (_what, nodeName, name, local) => {
    const all = [aSlice([at('10.0.0.1', 'ready', { nodeName })])];
    expect(candidateEndpoints(HTTP, all, { name, zone: null })).toMatchObject([{ local }]);
  });

  it.each([
    ['nobody', hints([]), NODE, { zoneHint: 'nobody', nodeHint: 'nobody' }],
    ['its zone', hints(['zone-b', 'zone-a']), NODE, { zoneHint: 'here', nodeHint: 'nobody' }],
    ['another zone', hints(['zone-b']), NODE, { zoneHint: 'others', nodeHint: 'nobody' }],
    ['its node', hints([], ['node-a']), NODE, { zoneHint: 'nobody', nodeHint: 'here' }],
    ['a node, seen from nowhere', hints(['zone-a'], ['node-a']), UNKNOWN_NODE, { nodeHint: 'others' }],
    ['a zone, seen from nowhere', hints(['zone-a'], ['node-a']), UNKNOWN_NODE, { zoneHint: 'others' }],
  ] as const)('tells whom the hints for %s name', (_what, topology, node, expected) => {
    const all = [aSlice([at('10.0.0.1', 'ready', topology)])];
    expect(candidateEndpoints(HTTP, all, node)).toMatchObject([expected]);
  });

  it.each([
    ['ready', at('10.0.0.1', 'draining'), { ready: true }],
    ['local', at('10.0.0.1', 'ready', { nodeName: 'node-a' }), { local: true }],
    ['hinted for the zone', at('10.0.0.1', 'ready', hints(['zone-a'])), { zoneHint: 'here' }],
    ['hinted for others', at('10.0.0.1', 'ready', hints([], ['node-b'])), { nodeHint: 'others' }],
  ])('takes an endpoint for %s where one of the slices that hold it says so', (_what, held, expected) => {
    for (const all of [
      [held, at('10.0.0.1')],
      [at('10.0.0.1'), held],
    ])
      expect(
        candidateEndpoints(
          HTTP,
          all.map((one) => aSlice([one])),
          NODE,
        ),
      ).toMatchObject([expected]);
  });
});

describe('whatever the slices are', () => {
  const servicePort = services.map(([service]) => service?.servicePorts[0] ?? HTTP);

  it('their order does not matter, nor that one is there twice, and no endpoint is', () => {
    const shuffled = slices.chain((all) =>
      fc.tuple(fc.constant(all), fc.shuffledSubarray([...all, ...all], { minLength: 2 * all.length })),
    );
    fc.assert(
      fc.property(servicePort, nodes, shuffled, (port, node, [all, reordered]) => {
        const found = candidateEndpoints(port, all, node);
        expect(candidateEndpoints(port, reordered, node)).toEqual(found);
        expect(new Set(found.map(({ endpoint }) => endpoint.key)).size).toBe(found.length);
      }),
    );
  });

  it('the candidates are those that a slice holds as eligible', () => {
    fc.assert(
      fc.property(servicePort, slices, (port, all) => {
        const hasSlice = all.some(({ origin }) => origin === 'EndpointSlice');
        const eligible = all
          .filter(({ origin }) => !hasSlice || origin === 'EndpointSlice')
          .flatMap(({ ports, endpoints }) =>
            ports
              .filter(({ name, protocol }) => name === port.portName && protocol === port.protocol)
              .flatMap((matching) =>
                endpoints.filter(isEligible).map(({ address }) => `${address} ${matching.port}`),
              ),
          );
        const found = candidateEndpoints(port, all, NODE).map(
          ({ endpoint }) => `${endpoint.address} ${endpoint.port}`,
        );
        expect(found.toSorted()).toEqual([...new Set(eligible)].sort());
      }),
    );
  });
});

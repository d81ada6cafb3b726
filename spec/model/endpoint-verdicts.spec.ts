import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { IPFamily } from '../../src/model/address.js';
import { endpointsOf } from '../../src/model/eligible-endpoints.js';
import type { EndpointSlice } from '../../src/model/endpoint-slice.js';
import { endpointVerdicts } from '../../src/model/endpoint-verdicts.js';
import type { NodeTopology } from '../../src/model/node.js';
import type { ServicePort } from '../../src/model/service-port.js';
import { aServicePort } from '../support/proxy-values.js';
import { nodes, services, slices } from '../support/slice-arbitraries.js';
import { aSlice, at } from '../support/slice-values.js';

const NODE: NodeTopology = { name: 'node-a', zone: 'zone-a' };
const HERE = { nodeName: 'node-a' };
const THERE = { nodeName: 'node-b' };
const forZone = (zone: string) => ({ hints: { forZones: [zone], forNodes: [] } });

/** By address: why it is passed over by traffic to the ClusterIP, and by that from outside. */
function verdicts(
  endpoints: EndpointSlice['endpoints'],
  changes: Partial<ServicePort> = {},
  family: IPFamily | null = null,
) {
  const { endpoints: judged } = endpointVerdicts(aServicePort(changes), family, [aSlice(endpoints)], NODE);
  return Object.fromEntries(
    judged.map(({ endpoint, internal, external }) => [endpoint.address, [internal, external]]),
  );
}

describe('the verdict on an endpoint', () => {
  it('is that it may not serve, or terminates while others are ready', () => {
    const all = [
      at('10.0.0.1'),
      at('10.0.0.2', 'not ready'),
      at('10.0.0.3', 'draining'),
      at('10.0.0.4', 'terminating'),
    ];
    expect(verdicts(all)).toEqual({
      '10.0.0.1': [null, null],
      '10.0.0.2': ['not-ready', 'not-ready'],
      '10.0.0.3': ['terminating', 'terminating'],
      '10.0.0.4': ['not-ready', 'not-ready'],
    });
    expect(verdicts(all.slice(1))['10.0.0.3']).toEqual([null, null]);
  });

  it('is of each kind of traffic by its own policy', () => {
    const all = [at('10.0.0.1', 'ready', HERE), at('10.0.0.2', 'ready', THERE)];
    expect(verdicts(all, { externalTrafficPolicy: 'Local' })).toEqual({
      '10.0.0.1': [null, null],
      '10.0.0.2': [null, 'other-node'],
    });
  });

  it('is that others are of the primary family', () => {
    expect(verdicts([at('10.0.0.1'), at('fd00::1')], {}, 'IPv6')).toEqual({
      '10.0.0.1': ['other-family', 'other-family'],
      'fd00::1': [null, null],
    });
  });

  it('is that hints name others', () => {
    const all = [at('10.0.0.1', 'ready', forZone('zone-a')), at('10.0.0.2', 'ready', forZone('zone-b'))];
    expect(verdicts(all)).toEqual({
      '10.0.0.1': [null, null],
      '10.0.0.2': ['hinted-elsewhere', 'hinted-elsewhere'],
    });
  });

  it('tells what was known of the endpoint, and of which node it was judged', () => {
    const { endpoints, node } = endpointVerdicts(
      aServicePort(),
      null,
      [aSlice([at('10.0.0.1', 'draining', { ...THERE, ...forZone('zone-b') })])],
      NODE,
    );
    expect(endpoints).toEqual([
      {
        endpoint: { key: '10.0.0.1:8080', address: '10.0.0.1', port: 8080 },
        ready: false,
        serving: true,
        terminating: true,
        nodeName: 'node-b',
        hints: { forZones: ['zone-b'], forNodes: [] },
        internal: null,
        external: null,
      },
    ]);
    expect(node).toEqual(NODE);
  });

  it('is of the best that several slices say of it', () => {
    const all = [aSlice([at('10.0.0.1', 'not ready')]), aSlice([at('10.0.0.1')])];
    for (const order of [all, all.toReversed()])
      expect(endpointVerdicts(aServicePort(), null, order, NODE).endpoints).toMatchObject([
        { ready: true, internal: null },
      ]);
  });

  it('comes with the ports that are spelt otherwise', () => {
    const ports = ['web', 'admin'].map((name) => ({ name, protocol: 'TCP', port: 8080 }) as const);
    const judged = endpointVerdicts(aServicePort(), null, [aSlice([at('10.0.0.1')], { ports })], NODE);
    expect(judged).toMatchObject({ endpoints: [], otherPorts: ['admin/TCP', 'web/TCP'] });
  });

  it('lets exactly those through that traffic goes to', () => {
    fc.assert(
      fc.property(services, slices, nodes, (all, held, node) => {
        for (const { primaryFamily, servicePorts } of all)
          for (const servicePort of servicePorts) {
            const judged = endpointVerdicts(servicePort, primaryFamily, held, node).endpoints;
            const letThrough = (traffic: 'internal' | 'external') =>
              judged.filter((verdict) => verdict[traffic] === null).map(({ endpoint }) => endpoint);
            const { endpoints, externalEndpoints } = endpointsOf(servicePort, primaryFamily, held, node);
            expect(letThrough('internal')).toEqual(endpoints);
            if (externalEndpoints !== undefined) expect(letThrough('external')).toEqual(externalEndpoints);
          }
      }),
    );
  });
});

import fc from 'fast-check';
import type { EndpointSlice } from '../../src/model/endpoint-slice.js';
import type { NodeTopology } from '../../src/model/node.js';
import type { Service } from '../../src/model/service.js';
import { servicePortName } from '../../src/model/service-port.js';

/** Slices and Services drawn from few names, ports and addresses, so that they meet often. */

const SERVICES = ['web', 'api', 'dns'];
const PORT_NAMES = ['', 'http'];
const ADDRESSES = ['10.0.0.1', '10.0.0.2', '10.0.0.3', 'fd00::1', 'fd00::2'];
const PROTOCOLS = ['TCP', 'UDP'] as const;
const NODES = ['node-a', 'node-b'];
const ZONES = ['zone-a', 'zone-b'];

const sliceEndpoint = fc
  .record({
    address: fc.constantFrom(...ADDRESSES),
    ready: fc.boolean(),
    serving: fc.boolean(),
    terminating: fc.boolean(),
    nodeName: fc.constantFrom(null, ...NODES),
    hints: fc.oneof(
      { weight: 1, arbitrary: fc.constant(null) },
      {
        weight: 3,
        arbitrary: fc.record({ forZones: fc.subarray(ZONES), forNodes: fc.subarray(NODES) }),
      },
    ),
  })
  .map((drawn) => ({ ...drawn, family: familyOf(drawn.address) }));

const endpointPort = fc.record({
  name: fc.constantFrom(...PORT_NAMES),
  protocol: fc.constantFrom(...PROTOCOLS),
  port: fc.constantFrom(8080, 8081),
});

/** Where a proxy may run: on a node of theirs, on one that nobody names, or who knows where. */
export const nodes: fc.Arbitrary<NodeTopology> = fc.record({
  name: fc.constantFrom(null, 'elsewhere', ...NODES),
  zone: fc.constantFrom(null, 'elsewhere', ...ZONES),
});

/** Slices of a few Services, of either origin. */
export const slices: fc.Arbitrary<EndpointSlice[]> = fc.array(
  fc.record({
    origin: fc.constantFrom('EndpointSlice', 'Endpoints'),
    namespace: fc.constant('default'),
    name: fc.constantFrom('a', 'b', 'c'),
    service: fc.constantFrom(...SERVICES),
    ports: fc.array(endpointPort, { maxLength: 3 }),
    endpoints: fc.array(sliceEndpoint, { maxLength: 4 }),
    triggeredAt: fc.constantFrom(null, 1_000, 2_000),
  }),
  { maxLength: 6 },
);

const trafficPolicy = fc.constantFrom('Cluster' as const, 'Local' as const);

/** Services of different names, each with one port. */
export const services: fc.Arbitrary<Service[]> = fc.uniqueArray(
  fc
    .record({
      name: fc.constantFrom(...SERVICES),
      primaryFamily: fc.constantFrom('IPv4', 'IPv6', null),
      portName: fc.constantFrom(...PORT_NAMES),
      protocol: fc.constantFrom(...PROTOCOLS),
      port: fc.constantFrom(80, 443),
      nodePort: fc.constantFrom(null, 30080),
      internalTrafficPolicy: trafficPolicy,
      externalTrafficPolicy: trafficPolicy,
      healthCheckNodePort: fc.constantFrom(null, 32000),
    })
    .map(
      ({ name, primaryFamily, portName, ...drawn }): Service => ({
        namespace: 'default',
        name,
        primaryFamily,
        servicePorts: [
          {
            name: servicePortName('default', name, portName),
            namespace: 'default',
            service: name,
            portName,
            ...drawn,
            clusterIPs: [],
            externalIPs: [],
            loadBalancerIPs: [],
            loadBalancerSourceRanges: [],
            sessionAffinity: { type: 'None' },
          },
        ],
      }),
    ),
  { selector: ({ name }) => name },
);

function familyOf(address: string): 'IPv4' | 'IPv6' {
  return address.includes(':') ? 'IPv6' : 'IPv4';
}

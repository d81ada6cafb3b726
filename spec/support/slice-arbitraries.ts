import fc from 'fast-check';
import type { EndpointSlice } from '../../src/model/endpoint-slice.js';
import type { Service } from '../../src/model/service.js';
import { servicePortName } from '../../src/model/service-port.js';

/** Slices and Services drawn from few names, ports and addresses, so that they meet often. */

const SERVICES = ['web', 'api', 'dns'];
const PORT_NAMES = ['', 'http'];
const ADDRESSES = ['10.0.0.1', '10.0.0.2', '10.0.0.3', 'fd00::1', 'fd00::2'];
const PROTOCOLS = ['TCP', 'UDP'] as const;

const sliceEndpoint = fc
  .record({
    address: fc.constantFrom(...ADDRESSES),
    ready: fc.boolean(),
    serving: fc.boolean(),
    terminating: fc.boolean(),
  })
  .map((drawn) => ({ ...drawn, family: familyOf(drawn.address) }));

const endpointPort = fc.record({
  name: fc.constantFrom(...PORT_NAMES),
  protocol: fc.constantFrom(...PROTOCOLS),
  port: fc.constantFrom(8080, 8081),
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
  }),
  { maxLength: 6 },
);

/** Services of different names, each with one port. */
export const services: fc.Arbitrary<Service[]> = fc.uniqueArray(
  fc
    .record({
      name: fc.constantFrom(...SERVICES),
      primaryFamily: fc.constantFrom('IPv4', 'IPv6', null),
      portName: fc.constantFrom(...PORT_NAMES),
      protocol: fc.constantFrom(...PROTOCOLS),
      port: fc.constantFrom(80, 443),
    })
    .map(
      ({ name, primaryFamily, portName, protocol, port }): Service => ({
        namespace: 'default',
        name,
        primaryFamily,
        servicePorts: [
          {
            name: servicePortName('default', name, portName),
            namespace: 'default',
            service: name,
            portName,
            protocol,
            port,
            clusterIPs: [],
            nodePort: null,
            externalIPs: [],
            loadBalancerIPs: [],
            loadBalancerSourceRanges: [],
            sessionAffinity: { type: 'None' },
            internalTrafficPolicy: 'Cluster',
            externalTrafficPolicy: 'Cluster',
            healthCheckNodePort: null,
          },
        ],
      }),
    ),
  { selector: ({ name }) => name },
);

function familyOf(address: string): 'IPv4' | 'IPv6' {
  return address.includes(':') ? 'IPv6' : 'IPv4';
}

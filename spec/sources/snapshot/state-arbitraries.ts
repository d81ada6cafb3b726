import fc from 'fast-check';
import { parseAddress, parseCIDR } from '../../../src/model/address.js';
import { type Endpoint, endpoint } from '../../../src/model/endpoint.js';
import {
  MOST_CONNECTIONS,
  type ServicePort,
  type SessionAffinity,
  servicePortName,
} from '../../../src/model/service-port.js';
import type { ServiceState } from '../../../src/model/service-state.js';
import { aServicePort } from '../../support/proxy-values.js';

/** States such as an API server can make, with a value of every kind in every field. */

const label = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?$/);
const port = fc.integer({ min: 1, max: 65_535 });
const address = fc.oneof(fc.ipV4(), fc.ipV6()).map((text) => parseAddress(text)?.address ?? '10.0.0.1');
const cidr = fc
  .tuple(address, fc.integer({ min: 0, max: 32 }))
  .map(([text, length]) => parseCIDR(`${text}/${length}`)?.cidr ?? '10.0.0.0/8');
const policy = fc.constantFrom('Cluster' as const, 'Local' as const);

const sessionAffinity: fc.Arbitrary<SessionAffinity> = fc.oneof(
  fc.constant({ type: 'None' } as const),
  fc.record({ type: fc.constant('ClientIP' as const), timeoutSeconds: fc.integer({ min: 1, max: 86_400 }) }),
);

const some = <T>(value: fc.Arbitrary<T>) => fc.uniqueArray(value, { maxLength: 3 });

export const servicePorts: fc.Arbitrary<ServicePort> = fc
  .record({
    namespace: label,
    service: label,
    portName: fc.oneof(fc.constant(''), label),
    protocol: fc.constantFrom('TCP' as const, 'UDP' as const),
    port,
    clusterIPs: some(address),
    nodePort: fc.option(port),
    externalIPs: some(address),
    loadBalancerIPs: some(address),
    loadBalancerSourceRanges: some(cidr),
    sessionAffinity,
    internalTrafficPolicy: policy,
    externalTrafficPolicy: policy,
    healthCheckNodePort: fc.option(port),
    maxConnections: fc.option(fc.integer({ min: 1, max: MOST_CONNECTIONS })),
  })
  .map(({ maxConnections, ...fields }) => ({
    ...fields,
    ...(maxConnections === null ? {} : { maxConnections }),
  }))
  .map((fields) => ({ name: servicePortName(fields.namespace, fields.service, fields.portName), ...fields }));

const endpoints: fc.Arbitrary<Endpoint[]> = fc
  .uniqueArray(fc.tuple(address, port), { selector: ([host, number]) => `${host} ${number}`, maxLength: 5 })
  .map((places) => places.map(([host, number]) => endpoint(host, number)));

export const states: fc.Arbitrary<ServiceState> = fc
  .uniqueArray(
    fc.record({
      servicePort: servicePorts,
      endpoints: fc.option(endpoints),
      externalEndpoints: endpoints,
      readyLocalEndpoints: endpoints,
    }),
    { selector: ({ servicePort }) => servicePort.name, maxLength: 8 },
  )
  .map((entries) => ({
    servicePorts: new Map(entries.map(({ servicePort }) => [servicePort.name, servicePort])),
    endpoints: new Map(entries.flatMap((entry) => listOf(entry.servicePort, entry.endpoints))),
    externalEndpoints: new Map(
      entries.flatMap((entry) =>
        listOf(entry.servicePort, hasExternalPolicy(entry.servicePort) ? entry.externalEndpoints : null),
      ),
    ),
    readyLocalEndpoints: new Map(
      entries.flatMap(({ servicePort, readyLocalEndpoints }) =>
        listOf(servicePort, servicePort.healthCheckNodePort === null ? null : readyLocalEndpoints),
      ),
    ),
  }));

function listOf({ name }: ServicePort, list: readonly Endpoint[] | null) {
  return list === null ? [] : [[name, list] as const];
}

function hasExternalPolicy(servicePort: ServicePort): boolean {
  const { nodePort, externalIPs, loadBalancerIPs } = servicePort;
  const isReached = nodePort !== null || externalIPs.length + loadBalancerIPs.length > 0;
  return isReached && servicePort.internalTrafficPolicy !== servicePort.externalTrafficPolicy;
}

/** As plain maps, so that any two states can be compared. */
export function plain(state: ServiceState) {
  return {
    servicePorts: new Map(state.servicePorts),
    endpoints: new Map(state.endpoints),
    externalEndpoints: new Map(state.externalEndpoints),
    readyLocalEndpoints: new Map(state.readyLocalEndpoints),
  };
}

/** A state of this size: every Service has one port, and as many endpoints as the others. */
export function largeState(services: number, endpointsEach: number): ServiceState {
  const names = Array.from({ length: services }, (_, index) => index);
  const ports = names.map(
    (index): ServicePort =>
      aServicePort({
        name: servicePortName(`namespace-${index % 50}`, `service-${index}`, 'http'),
        namespace: `namespace-${index % 50}`,
        service: `service-${index}`,
        port: 80,
        clusterIPs: [`10.96.${index >> 8}.${index & 255}`],
      }),
  );
  const placesOf = (service: number) =>
    Array.from({ length: endpointsEach }, (_, index) => {
      const pod = service * endpointsEach + index;
      return endpoint(`10.${128 + (pod >> 16)}.${(pod >> 8) & 255}.${pod & 255}`, 8080);
    });
  return {
    servicePorts: new Map(ports.map((servicePort) => [servicePort.name, servicePort])),
    endpoints: new Map(ports.map((servicePort, index) => [servicePort.name, placesOf(index)])),
    externalEndpoints: new Map(),
    readyLocalEndpoints: new Map(),
  };
}

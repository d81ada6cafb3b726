import { isDeepStrictEqual } from 'node:util';
import { endpointsOf } from './eligible-endpoints.js';
import type { Endpoint } from './endpoint.js';
import type { EndpointSlice } from './endpoint-slice.js';
import { PersistentMap } from './persistent-map.js';
import type { Service } from './service.js';
import type { ServicePort, ServicePortName } from './service-port.js';
import type { ServiceState } from './service-state.js';

/**
 * The state that these objects make, whatever their order.
 *
 * @param services each Service once.
 * @param slices the slices of every Service, and of others.
 * @param previous the state before: what did not change keeps its identity, and where nothing did it is returned.
 */
export function buildServiceState(
  services: Iterable<Service>,
  slices: Iterable<EndpointSlice>,
  previous?: ServiceState,
): ServiceState {
  const slicesOf = groupByService(slices);
  const servicePorts = new Map<ServicePortName, ServicePort>();
  const endpoints = new Map<ServicePortName, readonly Endpoint[]>();
  for (const service of sorted(services)) {
    const own = slicesOf.get(serviceKey(service.namespace, service.name)) ?? [];
    for (const servicePort of service.servicePorts) {
      const { name } = servicePort;
      servicePorts.set(name, keepServicePort(servicePort, previous?.servicePorts.get(name)));
      const found = endpointsOf(servicePort, service.primaryFamily, own);
      if (found.length > 0) endpoints.set(name, keepEndpoints(found, previous?.endpoints.get(name)));
    }
  }
  const unchanged =
    previous !== undefined &&
    sameEntries(servicePorts, previous.servicePorts) &&
    sameEntries(endpoints, previous.endpoints);
  return unchanged ? previous : { servicePorts, endpoints, externalEndpoints: PersistentMap.empty() };
}

function serviceKey(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

function groupByService(slices: Iterable<EndpointSlice>): Map<string, EndpointSlice[]> {
  const groups = new Map<string, EndpointSlice[]>();
  for (const slice of slices) {
    const key = serviceKey(slice.namespace, slice.service);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [slice]);
    else group.push(slice);
  }
  return groups;
}

function sorted(services: Iterable<Service>): Service[] {
  const keyed = [...services].map((service) => ({
    service,
    key: serviceKey(service.namespace, service.name),
  }));
  return keyed.sort((one, other) => (one.key < other.key ? -1 : 1)).map(({ service }) => service);
}

function keepServicePort(next: ServicePort, previous: ServicePort | undefined): ServicePort {
  return previous !== undefined && isDeepStrictEqual(previous, next) ? previous : next;
}

function keepEndpoints(
  next: readonly Endpoint[],
  previous: readonly Endpoint[] | undefined,
): readonly Endpoint[] {
  const same =
    previous?.length === next.length && next.every(({ key }, index) => key === previous[index]?.key);
  return same ? previous : next;
}

function sameEntries<Key, Value>(one: ReadonlyMap<Key, Value>, other: ReadonlyMap<Key, Value>): boolean {
  return one.size === other.size && [...one].every(([key, value]) => other.get(key) === value);
}

import type { ClusterAddresses } from './cluster-addresses.js';
import type { ResourceName } from './resources.js';
import type { JsonObject } from './stored-object.js';

/**
 * Fills in what an API server 1.26 fills in, as far as clients of Services and endpoints see it. `previous` is the object
 * that is replaced: what a server has given out once it keeps.
 */
export function withDefaults(
  resource: ResourceName,
  object: JsonObject,
  previous: JsonObject | undefined,
  addresses: ClusterAddresses,
): JsonObject {
  switch (resource) {
    case 'services':
      return {
        ...object,
        spec: serviceSpec(mapping(object.spec), mapping(previous?.spec), addresses),
        status: { loadBalancer: {}, ...mapping(object.status) },
      };
    case 'endpointslices':
      return {
        ...object,
        endpoints: listOrNull(object.endpoints),
        ports: listOrNull(listOf(object.ports).map((port) => slicePort(mapping(port)))),
      };
    case 'endpoints':
      return object.subsets === undefined
        ? object
        : { ...object, subsets: listOf(object.subsets).map(subset) };
    case 'nodes':
      return { ...object, spec: mapping(object.spec) };
    case 'namespaces':
      return { ...object, spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } };
  }
}

function serviceSpec(spec: JsonObject, previous: JsonObject, addresses: ClusterAddresses): JsonObject {
  const type = spec.type ?? 'ClusterIP';
  const sessionAffinity = spec.sessionAffinity ?? 'None';
  if (type === 'ExternalName') return { ...spec, type, sessionAffinity };
  const isOutside = type === 'NodePort' || type === 'LoadBalancer';
  const clusterIP = given(spec.clusterIP) ?? given(previous.clusterIP) ?? addresses.takeClusterIP();
  const ports = listOf(spec.ports).map((port) =>
    servicePort(mapping(port), isOutside, listOf(previous.ports).map(mapping), addresses),
  );
  return {
    ...spec,
    ...(ports.length === 0 ? {} : { ports }),
    clusterIP,
    clusterIPs: clusterIPs(spec.clusterIPs, clusterIP),
    type,
    sessionAffinity,
    ...(isOutside ? { externalTrafficPolicy: spec.externalTrafficPolicy ?? 'Cluster' } : {}),
    ...(sessionAffinity === 'ClientIP'
      ? { sessionAffinityConfig: spec.sessionAffinityConfig ?? { clientIP: { timeoutSeconds: 10_800 } } }
      : {}),
    ipFamilies: spec.ipFamilies ?? [`${clusterIP}`.includes(':') ? 'IPv6' : 'IPv4'],
    ipFamilyPolicy: spec.ipFamilyPolicy ?? 'SingleStack',
    ...(type === 'LoadBalancer'
      ? { allocateLoadBalancerNodePorts: spec.allocateLoadBalancerNodePorts ?? true }
      : {}),
    internalTrafficPolicy: spec.internalTrafficPolicy ?? 'Cluster',
  };
}

function servicePort(
  port: JsonObject,
  isOutside: boolean,
  previous: readonly JsonObject[],
  addresses: ClusterAddresses,
): JsonObject {
  const protocol = port.protocol ?? 'TCP';
  const { nodePort, ...inside }: JsonObject = { ...port, protocol, targetPort: port.targetPort ?? port.port };
  if (!isOutside) return inside;
  const same = previous.find((other) => other.port === port.port && other.protocol === protocol);
  return { ...inside, nodePort: nodePort ?? same?.nodePort ?? addresses.takeNodePort() };
}

/** The list begins with `clusterIP`, which a client may change alone. */
function clusterIPs(present: unknown, clusterIP: unknown): unknown[] {
  return [clusterIP, ...listOf(present).slice(1)];
}

function slicePort({ name, ...others }: JsonObject): JsonObject {
  return { ...(name === undefined ? {} : { name }), protocol: 'TCP', ...others };
}

/** An empty list of a required field comes back from etcd as none, which Go writes as null. */
function listOrNull(value: unknown): unknown {
  return listOf(value).length === 0 ? null : value;
}

function subset(value: unknown): JsonObject {
  const fields = mapping(value);
  if (fields.ports === undefined) return fields;
  return {
    ...fields,
    ports: listOf(fields.ports).map((port) => ({
      ...mapping(port),
      protocol: mapping(port).protocol ?? 'TCP',
    })),
  };
}

function given(value: unknown): unknown {
  return value === '' ? undefined : value;
}

export function mapping(value: unknown): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

import type { IPFamily } from './address.js';
import { Field } from './field.js';
import { excludedBy, type ObjectMeta, type Parsed, readMetadata } from './kubernetes-object.js';
import { isHeadless, readServiceAddresses } from './service-addresses.js';
import {
  MOST_CONNECTIONS,
  type ServicePort,
  type SessionAffinity,
  servicePortName,
  type TrafficPolicy,
} from './service-port.js';
import { readServicePorts } from './service-ports.js';

/** What is used of a Service: its ports, each ready to be proxied. */
export interface Service {
  readonly namespace: string;
  readonly name: string;
  /** The family whose endpoints are preferred; null where the Service tells none. */
  readonly primaryFamily: IPFamily | null;
  /** At least one. */
  readonly servicePorts: readonly ServicePort[];
}

const SERVICE_TYPES = ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'] as const;

/** How many TCP connections each port of the Service may have open at once. */
const MAX_CONNECTIONS = 'kube-splice.io/max-connections';

/** Kubernetes' default and limit for `sessionAffinityConfig.clientIP.timeoutSeconds`: three hours, and a day. */
const DEFAULT_AFFINITY_SECONDS = 10_800;
const LONGEST_AFFINITY_SECONDS = 86_400;

/**
 * Reads a v1 Service. Those that kube-proxy leaves alone are skipped: headless ones, ExternalName, and those another
 * proxy serves. A `clusterIP` may be absent, as in a manifest that no API server has seen. Never throws.
 */
export function parseService(value: unknown): Parsed<Service> {
  const object = Field.root(value);
  const metadata = readMetadata(object, 'label');
  if (metadata === undefined) return { outcome: 'invalid', errors: object.errors };
  const spec = object.child('spec');
  if (!spec.present) spec.missing('give at least its ports');
  if (!spec.mapping()) return { outcome: 'invalid', errors: object.errors };
  const reason = skipReason(metadata, spec);
  return reason === undefined ? readService(object, metadata, spec) : { outcome: 'skipped', reason };
}

function skipReason({ labels }: ObjectMeta, spec: Field): string | undefined {
  if (spec.child('type').value === 'ExternalName') return 'it is an ExternalName Service';
  if (isHeadless(spec)) return 'it is headless';
  return excludedBy(labels);
}

function readService(
  object: Field,
  { namespace, name, annotations }: ObjectMeta,
  spec: Field,
): Parsed<Service> {
  spec.child('type').oneOf(SERVICE_TYPES);
  const { primaryFamily, ...addresses } = readServiceAddresses(spec, object.child('status'));
  const sessionAffinity = readSessionAffinity(spec);
  const internalTrafficPolicy = readTrafficPolicy(spec.child('internalTrafficPolicy'));
  const externalTrafficPolicy = readTrafficPolicy(spec.child('externalTrafficPolicy'));
  const healthCheckNodePort = readHealthCheckNodePort(spec);
  const { ports, notes } = readServicePorts(spec);
  const limit = readMaxConnections(annotations);
  if (object.errors.length > 0) return { outcome: 'invalid', errors: object.errors };
  if (ports.length === 0) return { outcome: 'skipped', reason: 'every port of it is SCTP' };
  const servicePorts = ports.map((port) => ({
    name: servicePortName(namespace, name, port.portName),
    namespace,
    service: name,
    ...port,
    ...addresses,
    sessionAffinity,
    internalTrafficPolicy,
    externalTrafficPolicy,
    healthCheckNodePort,
    ...(typeof limit === 'number' && port.protocol === 'TCP' ? { maxConnections: limit } : {}),
  }));
  return {
    outcome: 'parsed',
    value: { namespace, name, primaryFamily, servicePorts },
    notes: typeof limit === 'string' ? [...notes, limit] : notes,
  };
}

/** The limit, or what is wrong with it: a Service with a mistake there is better served without one than not at all. */
function readMaxConnections(annotations: Field): number | string | undefined {
  const { present, value } = annotations.child(MAX_CONNECTIONS);
  if (!present) return undefined;
  const limit = typeof value === 'string' && /^\d{1,7}$/.test(value) ? Number(value) : 0;
  if (limit >= 1 && limit <= MOST_CONNECTIONS) return limit;
  const given = typeof value === 'string' ? JSON.stringify(value) : `${value}, without quotes,`;
  return `its annotation ${MAX_CONNECTIONS} has no effect: ${given} is not a number of connections; give "1" to "${MOST_CONNECTIONS}"`;
}

/** `Cluster` is Kubernetes' default for both. */
function readTrafficPolicy(field: Field): TrafficPolicy {
  return field.oneOf(['Cluster', 'Local']) ?? 'Cluster';
}

function readHealthCheckNodePort(spec: Field): number | null {
  const field = spec.child('healthCheckNodePort');
  // 0 is how Go writes one that is not set.
  return field.value === 0 ? null : (field.integer('a port', 1, 65_535) ?? null);
}

function readSessionAffinity(spec: Field): SessionAffinity {
  const type = spec.child('sessionAffinity').oneOf(['None', 'ClientIP']);
  if (type !== 'ClientIP') return { type: 'None' };
  const config = spec.child('sessionAffinityConfig');
  const clientIP = config.child('clientIP');
  if (config.mapping()) clientIP.mapping();
  const timeout = clientIP
    .child('timeoutSeconds')
    .integer('a timeout in seconds', 1, LONGEST_AFFINITY_SECONDS);
  return { type, timeoutSeconds: timeout ?? DEFAULT_AFFINITY_SECONDS };
}

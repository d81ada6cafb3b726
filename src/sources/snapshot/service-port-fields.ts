import { parseAddress, parseCIDR } from '../../model/address.js';
import type { Field } from '../../model/field.js';
import { isDNSLabel } from '../../model/kubernetes-object.js';
import {
  MOST_CONNECTIONS,
  type ServicePort,
  type SessionAffinity,
  servicePortName,
} from '../../model/service-port.js';

/** A day: Kubernetes' limit for `sessionAffinityConfig.clientIP.timeoutSeconds`. */
const LONGEST_AFFINITY_SECONDS = 86_400;

/**
 * Reads a service port as a snapshot holds it, every field but the name. Held to what parsing a Service holds it to,
 * and more strictly: each field has to be there, each address in its canonical text.
 *
 * Where the field has errors afterwards, the value is not to be used.
 */
export function readServicePort(field: Field): ServicePort {
  field.mapping();
  const namespace = readLabel(field.child('namespace'));
  const service = readLabel(field.child('service'));
  // One that was written before there was a limit has none.
  const maxConnections = field
    .child('maxConnections')
    .integer('a number of connections', 1, MOST_CONNECTIONS);
  const portName = field.child('portName').value === '' ? '' : readLabel(field.child('portName'));
  return {
    name: servicePortName(namespace, service, portName),
    namespace,
    service,
    portName,
    protocol: required(field.child('protocol')).oneOf(['TCP', 'UDP']) ?? 'TCP',
    port: readPort(required(field.child('port'))) ?? 0,
    clusterIPs: readTexts(field.child('clusterIPs'), canonicalAddress, 'an IP address'),
    nodePort: readPort(field.child('nodePort')) ?? null,
    externalIPs: readTexts(field.child('externalIPs'), canonicalAddress, 'an IP address'),
    loadBalancerIPs: readTexts(field.child('loadBalancerIPs'), canonicalAddress, 'an IP address'),
    loadBalancerSourceRanges: readTexts(field.child('loadBalancerSourceRanges'), canonicalCIDR, 'a CIDR'),
    sessionAffinity: readSessionAffinity(required(field.child('sessionAffinity'))),
    internalTrafficPolicy: readTrafficPolicy(field.child('internalTrafficPolicy')),
    externalTrafficPolicy: readTrafficPolicy(field.child('externalTrafficPolicy')),
    healthCheckNodePort: readPort(field.child('healthCheckNodePort')) ?? null,
    ...(maxConnections === undefined ? {} : { maxConnections }),
  };
}

function required(field: Field): Field {
  if (!field.present) field.missing('a snapshot has every field of a service port');
  if (field.value === '') field.reject('is empty');
  return field;
}

function readLabel(field: Field): string {
  const text = required(field).text();
  if (text !== undefined && text !== '' && !isDNSLabel(text)) field.reject('is not a DNS label');
  return text ?? '';
}

function readPort(field: Field): number | undefined {
  return field.integer('a port', 1, 65_535);
}

function readTrafficPolicy(field: Field): 'Cluster' | 'Local' {
  return required(field).oneOf(['Cluster', 'Local']) ?? 'Cluster';
}

function readSessionAffinity(field: Field): SessionAffinity {
  field.mapping();
  const type = required(field.child('type')).oneOf(['None', 'ClientIP']);
  if (type !== 'ClientIP') return { type: 'None' };
  const timeout = required(field.child('timeoutSeconds'));
  return { type, timeoutSeconds: timeout.integer('a timeout in seconds', 1, LONGEST_AFFINITY_SECONDS) ?? 0 };
}

function readTexts(
  field: Field,
  canonical: (text: string) => string | undefined,
  what: string,
): readonly string[] {
  const texts = new Set<string>();
  for (const item of required(field).items()) {
    const text = required(item).text();
    if (text === undefined || text === '') continue;
    if (canonical(text) !== text) item.reject(`is not ${what} in canonical text`);
    if (texts.has(text)) item.reject('is there twice');
    texts.add(text);
  }
  return [...texts];
}

function canonicalAddress(text: string): string | undefined {
  return parseAddress(text)?.address;
}

function canonicalCIDR(text: string): string | undefined {
  return parseCIDR(text)?.cidr;
}

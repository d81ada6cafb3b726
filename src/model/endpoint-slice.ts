import { type Address, type IPFamily, parseAddress } from './address.js';
import { type EndpointHints, type EndpointTopology, readHints, readNodeName } from './endpoint-topology.js';
import { Field } from './field.js';
import {
  excludedBy,
  isDNSLabel,
  type ObjectMeta,
  type Parsed,
  readMetadata,
  readPort,
  readPortName,
  readProtocol,
} from './kubernetes-object.js';
import type { Protocol } from './service-port.js';
import { readTriggerTime } from './trigger-time.js';

/**
 * Endpoints of one Service, each on every port: what is used of an EndpointSlice. A subset of a legacy Endpoints has
 * the same shape, so that merging knows one form.
 */
export interface EndpointSlice {
  readonly origin: 'EndpointSlice' | 'Endpoints';
  readonly namespace: string;
  readonly name: string;
  /** The Service they belong to, in the same namespace. */
  readonly service: string;
  readonly ports: readonly EndpointPort[];
  readonly endpoints: readonly SliceEndpoint[];
  /** When what they were changed for happened, ms since the epoch; null where nobody tells. */
  readonly triggeredAt: number | null;
}

export interface EndpointPort {
  /** Empty where it has none. */
  readonly name: string;
  readonly protocol: Protocol;
  readonly port: number;
}

/** An address in canonical text, the conditions of the pod there, where it is and for whom. */
export interface SliceEndpoint extends EndpointTopology {
  readonly address: string;
  readonly family: IPFamily;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
}

/** The state of the pod of an endpoint. */
export type EndpointConditions = Pick<SliceEndpoint, 'ready' | 'serving' | 'terminating'>;

const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

/**
 * Reads a discovery.k8s.io/v1 EndpointSlice. Of each endpoint the first address is used, as kube-proxy does: the API
 * says they are fungible. Ports without a number, which mean every port, and SCTP ones are left out. Never throws.
 */
export function parseEndpointSlice(value: unknown): Parsed<EndpointSlice> {
  const object = Field.root(value);
  const metadata = readMetadata(object, 'subdomain');
  if (metadata === undefined) return { outcome: 'invalid', errors: object.errors };
  const reason = skipReason(object, metadata);
  if (reason !== undefined) return { outcome: 'skipped', reason };
  const label = metadata.labels.child(SERVICE_NAME_LABEL);
  const service = label.text();
  if (service !== undefined && !isDNSLabel(service)) label.reject('is not the name of a Service');
  const type = object.child('addressType');
  if (!type.present) type.missing('give IPv4 or IPv6');
  const family = type.oneOf(['IPv4', 'IPv6']);
  const ports = object.child('ports').items().flatMap(readEndpointPort);
  const endpoints = object
    .child('endpoints')
    .items()
    .flatMap((field) => readEndpoint(field, family));
  if (object.errors.length > 0 || service === undefined) return { outcome: 'invalid', errors: object.errors };
  const { namespace, name } = metadata;
  const triggeredAt = readTriggerTime(metadata.annotations);
  return {
    outcome: 'parsed',
    value: { origin: 'EndpointSlice', namespace, name, service, ports, endpoints, triggeredAt },
    notes: [],
  };
}

/** Every field written out, in one place: so all of them have one layout in memory, with no room left over. */
export function sliceEndpoint(
  { address, family }: Address,
  { ready, serving, terminating }: EndpointConditions,
  nodeName: string | null,
  hints: EndpointHints | null,
): SliceEndpoint {
  return { address, family, ready, serving, terminating, nodeName, hints };
}

function skipReason(object: Field, { labels }: ObjectMeta): string | undefined {
  if (object.child('addressType').value === 'FQDN') return 'its addresses are names (addressType FQDN)';
  const service = labels.child(SERVICE_NAME_LABEL).value;
  if (service === undefined || service === '')
    return `it belongs to no Service: it has no label ${SERVICE_NAME_LABEL}`;
  return excludedBy(labels);
}

/** A port of an EndpointSlice, or of a subset of a legacy Endpoints. Empty where it is not to be used. */
export function readEndpointPort(field: Field): EndpointPort[] {
  if (!field.present) field.missing('give a port');
  if (!field.mapping()) return [];
  const name = readPortName(field);
  const protocol = readProtocol(field);
  const number = field.child('port');
  const port = number.present ? readPort(number) : undefined;
  return port === undefined || protocol === undefined || protocol === 'SCTP'
    ? []
    : [{ name, protocol, port }];
}

/** The address in this field, of this family where one is asked for; reports one that is missing or wrong. */
export function readEndpointAddress(field: Field, wanted: IPFamily | undefined): Address | undefined {
  if (!field.present) field.missing('give an IP address');
  const text = field.text();
  const parsed = text === undefined ? undefined : parseAddress(text);
  if (text !== undefined && (parsed === undefined || (wanted !== undefined && parsed.family !== wanted)))
    field.reject(`is not an ${wanted ?? 'IP'} address`);
  return parsed;
}

function readEndpoint(field: Field, family: IPFamily | undefined): SliceEndpoint[] {
  if (!field.present) field.missing('give an endpoint');
  if (!field.mapping()) return [];
  const addresses = field.child('addresses');
  const [first] = addresses.items();
  if (first === undefined && (!addresses.present || Array.isArray(addresses.value)))
    addresses.report('has no address; give one');
  const address = first === undefined ? undefined : readEndpointAddress(first, family);
  const conditions = field.child('conditions');
  conditions.mapping();
  const ready = conditions.child('ready').flag() ?? true;
  const serving = conditions.child('serving').flag() ?? ready;
  const terminating = conditions.child('terminating').flag() ?? false;
  const nodeName = readNodeName(field);
  const hints = readHints(field);
  return address === undefined
    ? []
    : [sliceEndpoint(address, { ready, serving, terminating }, nodeName, hints)];
}

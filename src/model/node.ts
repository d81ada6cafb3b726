import { parseAddress } from './address.js';
import { Field, isMapping } from './field.js';
import { type Parsed, readMetadata } from './kubernetes-object.js';

/** Where this proxy runs: what decides which endpoints are local, and which hints are meant for it. */
export interface NodeTopology {
  /** Null where it is not known: no endpoint is local then. */
  readonly name: string | null;
  /** Null where it has none. */
  readonly zone: string | null;
}

/** A place that nothing is known of. */
export const UNKNOWN_NODE: NodeTopology = { name: null, zone: null };

/** What is used of a Node. */
export interface NodeFacts extends NodeTopology {
  readonly name: string;
  /** Its internal and external addresses in canonical text, each once, in its order. */
  readonly addresses: readonly string[];
  /** It is being deleted, or the cluster autoscaler is about to: new clients are to go to others. */
  readonly isLeaving: boolean;
}

/** https://kubernetes.io/docs/reference/labels-annotations-taints/#topologykubernetesiozone */
const ZONE_LABEL = 'topology.kubernetes.io/zone';

/** What the cluster autoscaler taints a node with that it is about to delete (kubernetes/enhancements, KEP-3836). */
const LEAVING_TAINT = 'ToBeDeletedByClusterAutoscaler';

/** The types of `status.addresses` that are addresses of the node itself; the others are names. */
const ADDRESS_TYPES: readonly unknown[] = ['InternalIP', 'ExternalIP'];

/** Reads a v1 Node. Never throws. */
export function parseNode(value: unknown): Parsed<NodeFacts> {
  const object = Field.root(value);
  const metadata = readMetadata(object, 'subdomain');
  if (metadata === undefined) return { outcome: 'invalid', errors: object.errors };
  const zone = metadata.labels.child(ZONE_LABEL).text() ?? '';
  const addresses = readAddresses(object.child('status'));
  if (object.errors.length > 0) return { outcome: 'invalid', errors: object.errors };
  return {
    outcome: 'parsed',
    value: { name: metadata.name, zone: zone === '' ? null : zone, addresses, isLeaving: isLeaving(object) },
    notes: [],
  };
}

/** Whatever else these fields hold: a node is not refused for what is no matter of the proxy. */
function isLeaving(object: Field): boolean {
  const taints = object.child('spec').child('taints').value;
  const isTainted =
    Array.isArray(taints) && taints.some((taint) => isMapping(taint) && taint.key === LEAVING_TAINT);
  return isTainted || object.child('metadata').child('deletionTimestamp').present;
}

function readAddresses(status: Field): string[] {
  const addresses = status.child('addresses');
  if (status.mapping() && !addresses.present) return [];
  const found = addresses.items().flatMap((item) => {
    if (!item.mapping() || !ADDRESS_TYPES.includes(item.child('type').value)) return [];
    const field = item.child('address');
    if (!field.present) field.missing('give an IP address');
    const text = field.text();
    const parsed = text === undefined ? undefined : parseAddress(text);
    if (text !== undefined && parsed === undefined) field.reject('is not an IP address');
    return parsed === undefined ? [] : [parsed.address];
  });
  return [...new Set(found)];
}

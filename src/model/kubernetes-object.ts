import type { Field } from './field.js';
import type { FieldError } from './field-error.js';

/** What became of one Kubernetes object. */
export type Parsed<T> =
  /** `notes` say what was left out of it, a line each. */
  | { readonly outcome: 'parsed'; readonly value: T; readonly notes: readonly string[] }
  /** It is sound, and not for this proxy. */
  | { readonly outcome: 'skipped'; readonly reason: string }
  | { readonly outcome: 'invalid'; readonly errors: readonly FieldError[] };

/** What is used of an object's metadata. */
export interface ObjectMeta {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Field;
  readonly annotations: Field;
}

/**
 * Objects with one of these labels, whatever its value, are not for this proxy: kube-proxy's own list and watch leave
 * them out with the same selector, for Services and endpoints alike.
 */
const EXCLUDING_LABELS = ['service.kubernetes.io/service-proxy-name', 'service.kubernetes.io/headless'];

const DNS_LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const DNS_LABEL_HINT = "is not a DNS label; give lower-case letters, digits and '-', at most 63";
const DNS_SUBDOMAIN_HINT = "is not a DNS name; give lower-case letters, digits, '-' and '.', at most 253";

/** RFC 1123: what Kubernetes takes as the name of a namespace, of a Service and of a port. */
export function isDNSLabel(text: string): boolean {
  return text.length <= 63 && DNS_LABEL.test(text);
}

/**
 * An object's namespace (`default` where a manifest leaves it out), name and labels, or `undefined` with what is wrong
 * reported.
 *
 * @param nameForm what Kubernetes takes as a name of this kind.
 */
export function readMetadata(object: Field, nameForm: 'label' | 'subdomain'): ObjectMeta | undefined {
  if (!object.mapping()) {
    if (!object.present) object.missing('give an object');
    return undefined;
  }
  const metadata = object.child('metadata');
  if (!metadata.present) metadata.missing('give at least its name');
  if (!metadata.mapping()) return undefined;
  const name = readName(metadata.child('name'), nameForm);
  const namespace = metadata.child('namespace');
  const labels = metadata.child('labels');
  labels.mapping();
  const annotations = metadata.child('annotations');
  annotations.mapping();
  const text = namespace.value === '' ? undefined : namespace.text();
  if (text !== undefined && !isDNSLabel(text)) namespace.reject(DNS_LABEL_HINT);
  return name === undefined || object.errors.length > 0
    ? undefined
    : { name, namespace: text ?? 'default', labels, annotations };
}

/** Why objects with these labels are not for this proxy; `undefined` where they are. */
export function excludedBy(labels: Field): string | undefined {
  const label = EXCLUDING_LABELS.find((key) => labels.child(key).present);
  return label === undefined ? undefined : `it has the label ${label}`;
}

/** A port's name, empty where it has none. */
export function readPortName(port: Field): string {
  const field = port.child('name');
  const name = field.text() ?? '';
  if (name !== '' && !isDNSLabel(name)) field.reject(DNS_LABEL_HINT);
  return name;
}

/** TCP where nothing is said. */
export function readProtocol(port: Field): 'TCP' | 'UDP' | 'SCTP' | undefined {
  const field = port.child('protocol');
  const protocol = field.oneOf(['TCP', 'UDP', 'SCTP']);
  return field.present && field.value !== '' ? protocol : 'TCP';
}

/** A required port number. */
export function readPort(field: Field): number | undefined {
  if (!field.present) field.missing('give a port, 1 to 65535');
  return field.integer('a port', 1, 65_535);
}

function readName(field: Field, form: 'label' | 'subdomain'): string | undefined {
  const name = field.text();
  if (!field.present || name === '') field.missing('every object has a name');
  else if (name !== undefined && !hasForm(name, form))
    field.reject(form === 'label' ? DNS_LABEL_HINT : DNS_SUBDOMAIN_HINT);
  return name;
}

function hasForm(name: string, form: 'label' | 'subdomain'): boolean {
  if (form === 'label') return isDNSLabel(name);
  return name.length <= 253 && name.split('.').every((part) => DNS_LABEL.test(part));
}

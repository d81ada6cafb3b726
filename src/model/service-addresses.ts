import { type Address, type IPFamily, parseAddress, parseCIDR } from './address.js';
import type { Field } from './field.js';
import type { ServicePort } from './service-port.js';

/** Where a Service is reached, the same for each of its ports. */
export interface ServiceAddresses
  extends Pick<ServicePort, 'clusterIPs' | 'externalIPs' | 'loadBalancerIPs' | 'loadBalancerSourceRanges'> {
  /** The first of `ipFamilies`, else that of the first cluster IP, else null. */
  readonly primaryFamily: IPFamily | null;
}

/** A Service whose clients are meant to find its pods themselves (`clusterIP: None`). */
export function isHeadless(spec: Field): boolean {
  const list = spec.child('clusterIPs').value;
  return spec.child('clusterIP').value === 'None' || (Array.isArray(list) && list.includes('None'));
}

/** Reads every address of a Service into canonical text, each once, and reports those that are none. */
export function readServiceAddresses(spec: Field, status: Field): ServiceAddresses {
  const clusterIPs = readClusterIPs(spec);
  const families = spec
    .child('ipFamilies')
    .items()
    .map((field) => field.oneOf(['IPv4', 'IPv6']));
  return {
    primaryFamily: families[0] ?? clusterIPs[0]?.family ?? null,
    clusterIPs: textsOf(clusterIPs),
    externalIPs: textsOf(spec.child('externalIPs').items().flatMap(readAddress)),
    loadBalancerIPs: textsOf(loadBalancerFields(status).flatMap(readAddress)),
    loadBalancerSourceRanges: unique(spec.child('loadBalancerSourceRanges').items().flatMap(readSourceRange)),
  };
}

function readClusterIPs(spec: Field): Address[] {
  const single = spec.child('clusterIP');
  const [alone] = single.present && single.value !== '' ? readAddress(single) : [];
  const fields = spec.child('clusterIPs').items();
  const addresses = fields.flatMap(readAddress);
  const [first] = addresses;
  if (first !== undefined && alone !== undefined && first.address !== alone.address)
    fields[0]?.reject(`is not ${alone.address}: the first has to be the address in spec.clusterIP`);
  return first === undefined && alone !== undefined ? [alone] : addresses;
}

function loadBalancerFields(status: Field): Field[] {
  const loadBalancer = status.child('loadBalancer');
  if (status.mapping()) loadBalancer.mapping();
  // Traffic of an ingress in mode Proxy comes to the node's own address: its IP is not ours to take.
  return loadBalancer
    .child('ingress')
    .items()
    .filter((ingress) => ingress.mapping() && ingress.child('ipMode').value !== 'Proxy')
    .map((ingress) => ingress.child('ip'))
    .filter((ip) => ip.present && ip.value !== '');
}

function readAddress(field: Field): Address[] {
  if (!field.present) field.missing('give an IP address');
  const text = field.text();
  if (text === undefined) return [];
  const address = parseAddress(text);
  if (address === undefined) field.reject('is not an IP address');
  return address === undefined ? [] : [address];
}

function readSourceRange(field: Field): string[] {
  if (!field.present) field.missing('give a CIDR');
  const text = field.text();
  if (text === undefined) return [];
  // Kubernetes allows spaces around these, and only these.
  const range = parseCIDR(text.trim());
  if (range === undefined) field.reject('is not a CIDR; give one like 10.0.0.0/8');
  return range === undefined ? [] : [range.cidr];
}

function textsOf(addresses: readonly Address[]): string[] {
  return unique(addresses.map(({ address }) => address));
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}

/** The objects of a cluster of any size, as those of a real one are: labels, annotations, owners, a pod behind each endpoint. */

export const ENDPOINTS_PER_SLICE = 10;
/** The node that kube-splice is told to be on. */
export const NODE_NAME = 'node-001';

const NODES = 100;
const ZONES = 3;
const NAMESPACES = 40;
const TARGET_PORT = 8080;

/** Services whose endpoints are listening sockets come in an even distance from each other among all. */
export interface ClusterShape {
  readonly services: number;
  readonly probed: number;
}

/** Where the endpoints of a probed Service are. */
export interface ProbedEndpoints {
  /** One for each endpoint of a slice. */
  readonly addresses: readonly string[];
  readonly port: number;
}

/** The Services that are probed, by number. @throws RangeError where more are to be probed than there are. */
export function probedServices({ services, probed }: ClusterShape): readonly number[] {
  if (probed > services) throw new RangeError(`${probed} of ${services} Services cannot be probed`);
  return Array.from({ length: probed }, (_, index) => Math.floor((index * services) / probed));
}

export function namespaceOf(number: number): string {
  return `team-${digits(number % NAMESPACES, 2)}`;
}

export function serviceNameOf(number: number): string {
  return `checkout-${digits(number, 5)}`;
}

/** Its resource key, `namespace/name`. */
export function sliceKeyOf(number: number): string {
  return `${namespaceOf(number)}/${serviceNameOf(number)}-${suffix(number, 5)}`;
}

/** As Helm leaves it, about 1.5 KB with what the server adds. */
export function serviceObject(number: number) {
  const [namespace, name] = [namespaceOf(number), serviceNameOf(number)];
  const labels = labelsOf(number);
  const spec = {
    selector: { 'app.kubernetes.io/instance': name, 'app.kubernetes.io/name': 'checkout' },
    ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: TARGET_PORT }],
  };
  const annotations = { 'meta.helm.sh/release-name': name, 'meta.helm.sh/release-namespace': namespace };
  return { metadata: { name, namespace, labels, annotations }, spec: { ...spec, type: 'ClusterIP' } };
}

/**
 * As the EndpointSlice controller writes it, about 4 KB with what the server adds. The pods have addresses that nobody
 * listens on, unless `probed` says where they are.
 */
export function sliceObject(number: number, uid: () => string, probed?: ProbedEndpoints) {
  const [namespace, name] = [namespaceOf(number), serviceNameOf(number)];
  return {
    metadata: {
      name: `${name}-${suffix(number, 5)}`,
      generateName: `${name}-`,
      namespace,
      labels: {
        ...labelsOf(number),
        'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
        'kubernetes.io/service-name': name,
      },
      annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': '2024-05-02T09:30:21Z' },
      ownerReferences: [
        { apiVersion: 'v1', kind: 'Service', name, uid: uid(), controller: true, blockOwnerDeletion: true },
      ],
    },
    addressType: 'IPv4',
    endpoints: Array.from({ length: ENDPOINTS_PER_SLICE }, (_, index) =>
      endpointObject(
        { number, index, generation: 0 },
        uid,
        probed?.addresses[index] ?? podAddress(number, index),
      ),
    ),
    ports: [{ name: 'http', protocol: 'TCP', port: probed?.port ?? TARGET_PORT }],
  };
}

/** The endpoint of the pod that replaces another: other in name, place, address and uid. */
export function replacedEndpoint(number: number, index: number, generation: number, uid: () => string) {
  // Pods of later generations have addresses of their own, beyond those of the first.
  const address = podAddress(number + 12_000 * (1 + (generation % 3)), index);
  return endpointObject({ number, index, generation }, uid, address);
}

export function nodeObject() {
  return {
    metadata: { name: NODE_NAME, labels: { 'topology.kubernetes.io/zone': zoneOf(1) } },
    spec: {},
    status: { addresses: [{ type: 'InternalIP', address: '192.0.2.1' }] },
  };
}

function endpointObject(
  { number, index, generation }: { number: number; index: number; generation: number },
  uid: () => string,
  address: string,
) {
  const node = (number * 7 + index * 13 + generation) % NODES;
  return {
    addresses: [address],
    conditions: { ready: true, serving: true, terminating: false },
    nodeName: `node-${digits(node, 3)}`,
    targetRef: {
      kind: 'Pod',
      name: `${serviceNameOf(number)}-${suffix(number, 9)}-${suffix(number * 31 + index + generation * 101, 5)}`,
      namespace: namespaceOf(number),
      uid: uid(),
    },
    zone: zoneOf(node),
  };
}

function labelsOf(number: number) {
  return {
    'app.kubernetes.io/instance': serviceNameOf(number),
    'app.kubernetes.io/managed-by': 'Helm',
    'app.kubernetes.io/name': 'checkout',
    'helm.sh/chart': 'checkout-4.17.2',
  };
}

/** Out of 10.0.0.0/8, of which each number and index has one of its own. */
function podAddress(number: number, index: number): string {
  const host = 0x10000 + number * ENDPOINTS_PER_SLICE + index;
  return `10.${(host >> 16) & 255}.${(host >> 8) & 255}.${host & 255}`;
}

function zoneOf(node: number): string {
  return `eu-central-1${'abc'[node % ZONES]}`;
}

function digits(value: number, length: number): string {
  return `${value}`.padStart(length, '0');
}

/** What looks like the random end of a generated name, the same in every run. */
function suffix(value: number, length: number): string {
  const mixed = Math.imul(value + 1, 0x9e3779b1) >>> 0;
  return `${mixed.toString(36)}x2k9w4b7`.slice(0, length);
}

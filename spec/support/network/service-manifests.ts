import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { NODE } from './node-network.js';

/** What a real cluster held when the rules of kube-proxy were recorded; its endpoints are the pods and the node here. */
export const RECORDED_OBJECTS = readFileSync(
  resolve(import.meta.dirname, '../../fixtures/kube-proxy-1.25/objects.yaml'),
  'utf8',
);

/** An endpoint: which pod, by the last part of its address, and the node that it is said to be on. */
export interface PodEndpoint {
  readonly pod: '11' | '12' | '13';
  readonly nodeName?: string;
}

export const ALL_PODS: readonly PodEndpoint[] = [{ pod: '11' }, { pod: '12' }, { pod: '13' }];

export interface ServiceFields {
  /** Its ports are `http` and `echo` where nothing else is said, and need no target port. */
  readonly spec: Readonly<Record<string, unknown>>;
  readonly endpoints: readonly PodEndpoint[];
  /** Addresses of its load balancer. */
  readonly ingress?: readonly string[];
  /** Where endpoints listen for `http`: not where they do, for one that refuses. */
  readonly httpPort?: number;
}

/** The manifest of a Service and its slice: documents of YAML. Slices are IPv4, as for a Service whose first family that is. */
export function serviceOfPods(
  name: string,
  { spec, endpoints, ingress = [], httpPort = 3000 }: ServiceFields,
): string {
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { ports: portsOf({}), ...spec },
    status: { loadBalancer: { ingress: ingress.map((ip) => ({ ip })) } },
  };
  const slice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${name}-pods`, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    endpoints: endpoints.map(({ pod, nodeName = NODE.name }) => ({
      addresses: [`10.244.0.${pod}`],
      conditions: { ready: true },
      nodeName,
    })),
    ports: [
      { name: 'http', port: httpPort, protocol: 'TCP' },
      { name: 'echo', port: 7000, protocol: 'UDP' },
    ],
  };
  return [service, slice].map((object) => JSON.stringify(object)).join('\n---\n');
}

/** `http` on 80 and `echo` on 7000, with these node ports. */
export function portsOf({ http, echo }: { readonly http?: number; readonly echo?: number }) {
  return [
    { name: 'http', port: 80, protocol: 'TCP', nodePort: http },
    { name: 'echo', port: 7000, protocol: 'UDP', nodePort: echo },
  ];
}

/** Of every kind of address there is, in both families, for TCP and UDP. */
export const DUAL_STACK = {
  name: 'dual',
  clusterIPs: { IPv4: '10.96.30.1', IPv6: 'fd00:10:96::30:1' },
  externalIPs: { IPv4: '172.30.0.100', IPv6: 'fd00:172:30::200' },
  loadBalancerIPs: { IPv4: '172.30.0.201', IPv6: 'fd00:172:30::201' },
  nodePorts: { http: 30_081, echo: 30_071 },
} as const;

/** @param changes fields of its spec that are otherwise. */
export function dualStackService(
  endpoints: readonly PodEndpoint[] = ALL_PODS,
  changes: Readonly<Record<string, unknown>> = {},
): string {
  const { name, clusterIPs, externalIPs, loadBalancerIPs, nodePorts } = DUAL_STACK;
  const spec = {
    type: 'LoadBalancer',
    clusterIP: clusterIPs.IPv4,
    clusterIPs: Object.values(clusterIPs),
    externalIPs: Object.values(externalIPs),
    ipFamilies: ['IPv4', 'IPv6'],
    ipFamilyPolicy: 'RequireDualStack',
    ports: portsOf(nodePorts),
    ...changes,
  };
  return serviceOfPods(name, { spec, endpoints, ingress: Object.values(loadBalancerIPs) });
}

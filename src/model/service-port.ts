/** What a portal can carry. SCTP has no userspace proxy, here as in kube-proxy. */
export type Protocol = 'TCP' | 'UDP';

/** `namespace/name:port`, or `namespace/name` where the port has no name: kube-proxy's own form. */
export type ServicePortName = `${string}/${string}`;

/** `namespace/name` of the Service that a service port is of. No name of a Service holds a colon: what follows one is the port's. */
export function serviceOf(name: ServicePortName): string {
  const [service = name] = name.split(':', 1);
  return service;
}

/** Whether connections of one client go to one endpoint, and for how long after its last connection. */
export type SessionAffinity =
  | { readonly type: 'None' }
  | { readonly type: 'ClientIP'; readonly timeoutSeconds: number };

/** Which endpoints traffic may go to: all of the cluster, or only those on the node that it is on. */
export type TrafficPolicy = 'Cluster' | 'Local';

/** One port of one Service: what a portal is opened for. Addresses are in canonical text. */
export interface ServicePort {
  readonly name: ServicePortName;
  readonly namespace: string;
  readonly service: string;
  /** Empty where the Service's only port has no name. */
  readonly portName: string;
  readonly protocol: Protocol;
  readonly port: number;
  /** The primary one first; empty where a manifest leaves it out. */
  readonly clusterIPs: readonly string[];
  readonly nodePort: number | null;
  readonly externalIPs: readonly string[];
  /** `status.loadBalancer.ingress[].ip`. */
  readonly loadBalancerIPs: readonly string[];
  /** CIDRs; empty means everyone. */
  readonly loadBalancerSourceRanges: readonly string[];
  readonly sessionAffinity: SessionAffinity;
  /** For traffic to a ClusterIP. */
  readonly internalTrafficPolicy: TrafficPolicy;
  /** For traffic to a NodePort, an ExternalIP or a load-balancer IP. */
  readonly externalTrafficPolicy: TrafficPolicy;
  /** Where a load balancer asks this node whether it has endpoints of its own; null where it does not. */
  readonly healthCheckNodePort: number | null;
  /** TCP connections that may be open at once, by the Service's annotation; absent where it sets no limit. */
  readonly maxConnections?: number;
}

/** What a Service may set `maxConnections` to. */
export const MOST_CONNECTIONS = 1_000_000;

/** kube-proxy's spelling of a service port's name. */
export function servicePortName(namespace: string, service: string, portName: string): ServicePortName {
  return portName === '' ? `${namespace}/${service}` : `${namespace}/${service}:${portName}`;
}

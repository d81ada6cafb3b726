import type { ServicePort, ServicePortName } from '../model/service-port.js';
import type { ServiceState } from '../model/service-state.js';

/** What a load balancer is told of one Service on this node. */
export interface HealthCheck {
  readonly namespace: string;
  readonly service: string;
  /** The Service's `healthCheckNodePort`. */
  readonly port: number;
  /** Ready endpoints of the Service on this node, each pod once. */
  readonly localEndpoints: number;
}

/** Whether a load balancer asks for this service port's endpoints here: it does under external policy `Local` alone. */
export function hasHealthCheck(servicePort: ServicePort): boolean {
  return servicePort.healthCheckNodePort !== null && servicePort.externalTrafficPolicy === 'Local';
}

/**
 * What is to be told of a Service in a state; undefined where it is not asked for.
 *
 * Addresses are counted, not ports, over all service ports: a pod that serves two of them is one endpoint, as for
 * kube-proxy (`EndpointsMap.getLocalReadyEndpointIPs`). Pods that terminate are not counted, though the last of them
 * serve: a load balancer is to send what is new elsewhere (KEP-1669).
 *
 * @param servicePorts those of one Service.
 */
export function healthCheckOf(
  servicePorts: Iterable<ServicePortName>,
  state: ServiceState,
): HealthCheck | undefined {
  const addresses = new Set<string>();
  let found: Omit<HealthCheck, 'localEndpoints'> | undefined;
  for (const name of servicePorts) {
    const servicePort = state.servicePorts.get(name);
    if (servicePort === undefined || !hasHealthCheck(servicePort)) continue;
    const { namespace, service, healthCheckNodePort } = servicePort;
    if (healthCheckNodePort !== null) found ??= { namespace, service, port: healthCheckNodePort };
    for (const { address } of state.readyLocalEndpoints.get(name) ?? []) addresses.add(address);
  }
  return found && { ...found, localEndpoints: podsAt(addresses) };
}

/** Pods of two families have an address of each; kube-proxy, which runs once for each family, sees one of them. */
function podsAt(addresses: ReadonlySet<string>): number {
  const ofIPv6 = [...addresses].filter((address) => address.includes(':')).length;
  return Math.max(ofIPv6, addresses.size - ofIPv6);
}

/** The status code: 200 where the node is to be sent traffic of the Service, else 503. */
export function healthCheckStatus({ localEndpoints }: HealthCheck): 200 | 503 {
  return localEndpoints > 0 ? 200 : 503;
}

/** The body that kube-proxy 1.25 answers with, down to its tabs (`pkg/proxy/healthcheck/service_health.go`). */
export function healthCheckBody({ namespace, service, localEndpoints }: HealthCheck): string {
  return JSON.stringify({ service: { namespace, name: service }, localEndpoints }, null, '\t');
}

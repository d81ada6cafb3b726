import type { ServicePort, ServicePortName } from '../model/service-port.js';
import type { ServiceState } from '../model/service-state.js';
import type { PortalAddress } from '../relay/engine.js';
import type { Redirect } from '../steering/steering.js';

/** Every way into the service ports that have a portal, in the order of the state: what steering is to bring about. */
export function redirectsOf(
  state: ServiceState,
  portals: ReadonlyMap<ServicePortName, PortalAddress>,
): readonly Redirect[] {
  return [...state.servicePorts.values()].flatMap((servicePort) => {
    const portal = portals.get(servicePort.name);
    if (portal === undefined) return [];
    const hasEndpoints = (state.endpoints.get(servicePort.name)?.length ?? 0) > 0;
    return waysInto(servicePort).map((way) => ({
      servicePort: servicePort.name,
      protocol: servicePort.protocol,
      portal,
      hasEndpoints,
      ...way,
    }));
  });
}

type WayIn = Pick<Redirect, 'kind' | 'address' | 'port' | 'sourceRanges'>;

function waysInto(servicePort: ServicePort): readonly WayIn[] {
  const { port, nodePort, clusterIPs, externalIPs, loadBalancerIPs, loadBalancerSourceRanges } = servicePort;
  const everyone: readonly string[] = [];
  return [
    ...clusterIPs.map((address) => ({ kind: 'ClusterIP', address, port, sourceRanges: everyone }) as const),
    ...externalIPs.map((address) => ({ kind: 'ExternalIP', address, port, sourceRanges: everyone }) as const),
    ...loadBalancerIPs.map(
      (address) => ({ kind: 'LoadBalancer', address, port, sourceRanges: loadBalancerSourceRanges }) as const,
    ),
    ...(nodePort === null
      ? []
      : [{ kind: 'NodePort', address: null, port: nodePort, sourceRanges: everyone } as const]),
  ];
}

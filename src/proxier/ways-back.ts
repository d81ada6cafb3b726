import { localAddresses } from '../host/local-addresses.js';
import type { Endpoint } from '../model/endpoint.js';
import type { Protocol, ServicePortName } from '../model/service-port.js';
import type { ServiceState } from '../model/service-state.js';
import { TRAFFICS, wantedPortal } from './wanted-portals.js';

/** Where traffic comes to service ports. */
export interface WaysIn {
  /** Those that traffic to an address and port is steered to; null stands for every address of the node. */
  readonly steered: (protocol: Protocol, address: string | null, port: number) => Iterable<ServicePortName>;
  /** The one that has the portal on this port of the node. */
  readonly portal: (protocol: Protocol, port: number) => ServicePortName | undefined;
}

/**
 * Finds endpoints that are no pods but ways back to where the connection came from: the address of the Service itself, or of
 * another one whose endpoints lead here in turn. The node's own traffic is steered like any other, so a relay that
 * connected to one would become its own client, again and again, until nothing is left for the other Services.
 *
 * An endpoint that leads to another Service, and from there to pods, is one like any other.
 */
export class WaysBack {
  /**
   * @param isOfNode whether an address is one of this host's. It is asked seldom: where a port is one of ours.
   */
  constructor(
    private readonly ways: WaysIn,
    private readonly isOfNode: (address: string) => boolean = isLocal,
  ) {}

  /** Whether what is sent to an endpoint of this service port comes back to it. */
  leadBack(
    servicePort: ServicePortName,
    protocol: Protocol,
    endpoint: Endpoint,
    state: ServiceState,
  ): boolean {
    const next = this.#behind(protocol, endpoint);
    if (next.length === 0) return false;
    const seen = new Set<ServicePortName>();
    for (let name = next.pop(); name !== undefined; name = next.pop()) {
      if (name === servicePort) return true;
      if (seen.has(name)) continue;
      seen.add(name);
      for (const traffic of TRAFFICS)
        for (const further of wantedPortal(state, name, traffic)?.routing.endpoints ?? [])
          next.push(...this.#behind(protocol, further));
    }
    return false;
  }

  /** The service ports that answer at an endpoint; none where it is a pod. */
  #behind(protocol: Protocol, { address, port }: Endpoint): ServicePortName[] {
    const found = [...this.ways.steered(protocol, address, port)];
    const ofNode = [...this.ways.steered(protocol, null, port)];
    const portal = this.ways.portal(protocol, port);
    if (portal !== undefined) ofNode.push(portal);
    return ofNode.length > 0 && this.isOfNode(address) ? [...found, ...ofNode] : found;
  }
}

/** RFC 1122, section 3.2.1.3 (g): every address of 127.0.0.0/8 is this host's. */
function isLocal(address: string): boolean {
  return address.startsWith('127.') || localAddresses('::').includes(address);
}

import { localAddresses } from '../host/local-addresses.js';
import type { Endpoint, EndpointKey } from '../model/endpoint.js';
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
   * @param nodeAddresses those of this host. Asked for seldom: where a port is one of ours.
   */
  constructor(
    private readonly ways: WaysIn,
    private readonly nodeAddresses: () => readonly string[] = () => localAddresses('::'),
  ) {}

  /** Those endpoints of a service port from which what is sent there comes back to it; undefined where there are none. */
  among(
    endpoints: readonly Endpoint[],
    servicePort: ServicePortName,
    protocol: Protocol,
    state: ServiceState,
  ): ReadonlySet<EndpointKey> | undefined {
    const search = new Search(this.ways, this.nodeAddresses, servicePort, protocol, state);
    const found = endpoints.filter((endpoint) => search.leadsBack(endpoint)).map(({ key }) => key);
    return found.length === 0 ? undefined : new Set(found);
  }
}

/** For the ways back to one service port. It asks for the node's addresses, and follows another service port, once at most. */
class Search {
  #nodeAddresses: ReadonlySet<string> | undefined;
  readonly #known = new Map<ServicePortName, boolean>();

  constructor(
    private readonly ways: WaysIn,
    private readonly nodeAddresses: () => readonly string[],
    private readonly servicePort: ServicePortName,
    private readonly protocol: Protocol,
    private readonly state: ServiceState,
  ) {}

  leadsBack(endpoint: Endpoint): boolean {
    return this.#behind(endpoint).some((name) => {
      const known = this.#known.get(name) ?? this.#reaches(name);
      this.#known.set(name, known);
      return known;
    });
  }

  #reaches(from: ServicePortName): boolean {
    const next = [from];
    const seen = new Set<ServicePortName>();
    for (let name = next.pop(); name !== undefined; name = next.pop()) {
      if (name === this.servicePort) return true;
      if (seen.has(name)) continue;
      seen.add(name);
      for (const traffic of TRAFFICS)
        for (const further of wantedPortal(this.state, name, traffic)?.routing.endpoints ?? [])
          next.push(...this.#behind(further));
    }
    return false;
  }

  /** The service ports that answer at an endpoint; none where it is a pod. */
  #behind({ address, port }: Endpoint): ServicePortName[] {
    const { protocol } = this;
    const found = [...this.ways.steered(protocol, address, port)];
    const ofNode = [...this.ways.steered(protocol, null, port)];
    const portal = this.ways.portal(protocol, port);
    if (portal !== undefined) ofNode.push(portal);
    return ofNode.length > 0 && this.#isOfNode(address) ? [...found, ...ofNode] : found;
  }

  /** RFC 1122, section 3.2.1.3 (g): every address of 127.0.0.0/8 is this host's. */
  #isOfNode(address: string): boolean {
    if (address.startsWith('127.')) return true;
    this.#nodeAddresses ??= new Set(this.nodeAddresses());
    return this.#nodeAddresses.has(address);
  }
}

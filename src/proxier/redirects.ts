import { isDeepStrictEqual } from 'node:util';
import type { IPFamily } from '../model/address.js';
import type { Endpoint } from '../model/endpoint.js';
import type { Protocol, ServicePort, ServicePortName } from '../model/service-port.js';
import type { ServiceState } from '../model/service-state.js';
import type { PortalAddress } from '../relay/engine.js';
import type { Redirect, RedirectTo, Verdict } from '../steering/steering.js';
import { portalName, type Traffic, wantedPortal } from './wanted-portals.js';

type OpenPortals = ReadonlyMap<ServicePortName, PortalAddress>;

/** Every way into the service ports that have a portal: what steering is to bring about. */
export class RedirectList {
  readonly #ofServicePort = new Map<ServicePortName, readonly Redirect[]>();
  #list: readonly Redirect[] = [];
  /** Whose traffic it is that is sent to some place: mostly one service port's. */
  readonly #byPlace = new Map<string, readonly ServicePortName[]>();

  /** Every service port that there are redirects for. */
  servicePorts(): Iterable<ServicePortName> {
    return this.#ofServicePort.keys();
  }

  /** Those of one service port. */
  of(name: ServicePortName): readonly Redirect[] {
    return this.#ofServicePort.get(name) ?? [];
  }

  /**
   * The whole list, in which those of these service ports are as they should be now: the same array (`===`) as the last
   * time where nothing in it is different. Those of one service port stand together.
   *
   * @param servicePorts those that may have changed; nothing else is looked at.
   * @param isNodePortHeld whether the node port is this service port's: nothing is steered from another program's.
   */
  update(
    servicePorts: Iterable<ServicePortName>,
    state: ServiceState,
    portals: OpenPortals,
    isNodePortHeld: (servicePort: ServicePortName) => boolean = () => true,
  ): readonly Redirect[] {
    let changed = false;
    for (const name of servicePorts) {
      const redirects = redirectsOf(name, state, portals, isNodePortHeld(name));
      if (isDeepStrictEqual(this.#ofServicePort.get(name) ?? [], redirects)) continue;
      changed = true;
      this.#place(name, redirects);
      if (redirects.length === 0) this.#ofServicePort.delete(name);
      else this.#ofServicePort.set(name, redirects);
    }
    if (changed) this.#list = joined(this.#ofServicePort.values());
    return this.#list;
  }

  /** The service ports that claim what is sent to an address and port; `null` is the address of node ports. */
  servicePortsAt(protocol: Protocol, address: string | null, port: number): readonly ServicePortName[] {
    return this.#byPlace.get(placeKey(protocol, address, port)) ?? NOBODY;
  }

  #place(name: ServicePortName, redirects: readonly Redirect[]): void {
    for (const { protocol, address, port } of this.#ofServicePort.get(name) ?? []) {
      const key = placeKey(protocol, address, port);
      const others = this.#byPlace.get(key)?.filter((other) => other !== name) ?? NOBODY;
      if (others.length === 0) this.#byPlace.delete(key);
      else this.#byPlace.set(key, others);
    }
    for (const { protocol, address, port } of redirects) {
      const key = placeKey(protocol, address, port);
      const there = this.#byPlace.get(key) ?? NOBODY;
      if (!there.includes(name)) this.#byPlace.set(key, [...there, name]);
    }
  }
}

/**
 * The ways into one service port, as far as the portal that is meant for them is open. Where external traffic has a
 * portal of its own it never goes to the other one, for that follows another policy.
 */
export function redirectsOf(
  name: ServicePortName,
  state: ServiceState,
  portals: OpenPortals,
  isNodePortHeld = true,
): readonly Redirect[] {
  const servicePort = state.servicePorts.get(name);
  if (servicePort === undefined) return [];
  const { protocol, externalTrafficPolicy } = servicePort;
  const internal = redirectTo(name, 'internal', state, portals);
  const ofItsOwn = state.externalEndpoints.has(name);
  const external = ofItsOwn ? redirectTo(name, 'external', state, portals) : internal;
  const fromNode = ofItsOwn && externalTrafficPolicy === 'Local' ? internal : null;
  return [
    ...(internal === null
      ? []
      : internalWays(servicePort).map(
          (way): Redirect => ({ servicePort: name, protocol, ...way, ...internal, fromNode: null }),
        )),
    ...(external === null
      ? []
      : externalWays(servicePort, isNodePortHeld)
          .filter((way) => !isEndpointItself(way, state.endpoints.get(name) ?? []))
          .map((way): Redirect => ({ servicePort: name, protocol, ...way, ...external, fromNode }))),
  ];
}

/**
 * Whether an endpoint itself is where clients send to: a pod in the node's network, say, whose Service has the node's address
 * and the same port. What is sent there arrives without being steered; steered, the relay could not reach that endpoint.
 * Where only some sources may come it is steered all the same, for those that may not.
 */
function isEndpointItself({ address, port, sourceRanges }: WayIn, endpoints: readonly Endpoint[]): boolean {
  if (address === null || sourceRanges.length > 0) return false;
  return endpoints.some((endpoint) => endpoint.address === address && endpoint.port === port);
}

function redirectTo(
  name: ServicePortName,
  traffic: Traffic,
  state: ServiceState,
  portals: OpenPortals,
): RedirectTo | null {
  const portal = portals.get(portalName(name, traffic));
  if (portal === undefined) return null;
  return {
    portal: { address: portal.address, port: portal.port },
    verdict: verdictOn(name, traffic, state),
  };
}

/**
 * Without endpoints it is refused. Where there are endpoints on other nodes, which only the external policy `Local` keeps
 * it from, it is dropped instead, as kube-proxy does: the client asks again, and the load balancer has found one of those
 * nodes by then.
 */
function verdictOn(name: ServicePortName, traffic: Traffic, state: ServiceState): Verdict {
  if (hasEndpoints(name, traffic, state)) return 'redirect';
  const isKeptLocal = state.servicePorts.get(name)?.externalTrafficPolicy === 'Local';
  return traffic === 'external' && isKeptLocal && hasEndpoints(name, 'internal', state) ? 'drop' : 'reject';
}

function hasEndpoints(name: ServicePortName, traffic: Traffic, state: ServiceState): boolean {
  return (wantedPortal(state, name, traffic)?.routing.endpoints.length ?? 0) > 0;
}

/** Where clients send to. */
export type WayIn = Pick<Redirect, 'kind' | 'family' | 'address' | 'port' | 'sourceRanges'>;

const EVERYONE: readonly string[] = [];
const NOBODY: readonly ServicePortName[] = [];

function placeKey(protocol: Protocol, address: string | null, port: number): string {
  return `${protocol} ${address ?? 'node'} ${port}`;
}

/** Ways of traffic that follows the internal policy. */
export function internalWays({ port, clusterIPs }: ServicePort): readonly WayIn[] {
  return clusterIPs.map((address) => ({
    kind: 'ClusterIP',
    family: familyOf(address),
    address,
    port,
    sourceRanges: EVERYONE,
  }));
}

/** Ways of traffic that follows the external policy. */
export function externalWays(servicePort: ServicePort, isNodePortHeld: boolean): readonly WayIn[] {
  const { port, nodePort, externalIPs, loadBalancerIPs, loadBalancerSourceRanges } = servicePort;
  const addressed =
    (kind: 'ExternalIP' | 'LoadBalancer', sourceRanges: readonly string[]) => (address: string) => ({
      kind,
      family: familyOf(address),
      address,
      port,
      sourceRanges,
    });
  return [
    ...externalIPs.map(addressed('ExternalIP', EVERYONE)),
    ...loadBalancerIPs.map(addressed('LoadBalancer', loadBalancerSourceRanges)),
    ...(nodePort === null || !isNodePortHeld
      ? []
      : familiesOf(servicePort).map(
          (family) =>
            ({ kind: 'NodePort', family, address: null, port: nodePort, sourceRanges: EVERYONE }) as const,
        )),
  ];
}

/** The families of a Service are those of its ClusterIPs (`spec.ipFamilies`); one that a manifest gives none is IPv4. */
function familiesOf({ clusterIPs }: ServicePort): readonly IPFamily[] {
  return clusterIPs.length === 0 ? ['IPv4'] : [...new Set(clusterIPs.map(familyOf))];
}

function familyOf(address: string): IPFamily {
  return address.includes(':') ? 'IPv6' : 'IPv4';
}

/** What `flat` would make of it, in a tenth of the time. */
function joined(lists: Iterable<readonly Redirect[]>): readonly Redirect[] {
  const whole: Redirect[] = [];
  for (const list of lists) for (const redirect of list) whole.push(redirect);
  return whole;
}

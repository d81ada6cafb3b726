import type { Endpoint, EndpointKey } from '../model/endpoint.js';
import { differingKeys } from '../model/persistent-map.js';
import type { Protocol, ServicePortName, SessionAffinity } from '../model/service-port.js';
import type { ServiceState } from '../model/service-state.js';
import type { PortalRouting } from '../relay/engine.js';

/**
 * Which traffic of a service port a portal is for. A portal can't tell what its clients sent to, so where the two
 * traffic policies differ there are two:
 *
 *     ClusterIP                          ──▶ internal   `namespace/name:port`
 *     NodePort, ExternalIP, LoadBalancer ──▶ external   `namespace/name:port@external`
 *
 * Everywhere else the internal one carries both.
 */
export type Traffic = 'internal' | 'external';

/** The portals that a service port may have. */
export const TRAFFICS: readonly Traffic[] = ['internal', 'external'];

/** What the relay is to open for a service port. */
export interface WantedPortal {
  readonly protocol: Protocol;
  readonly routing: PortalRouting;
}

const NO_ENDPOINTS: readonly Endpoint[] = [];

/** What a portal is called. No part of a service port's name holds an `@`: they are DNS labels. */
export function portalName(servicePort: ServicePortName, traffic: Traffic): ServicePortName {
  return traffic === 'internal' ? servicePort : `${servicePort}@external`;
}

const ON_BOTH_FAMILIES = '@dual-stack';

/**
 * The name that the relay knows a portal by: the one on `::` has its own, for it may have to be open beside the one on IPv4
 * addresses that it takes over from.
 */
export function relayName(portal: ServicePortName, address: string): ServicePortName {
  return address === '::' ? `${portal}${ON_BOTH_FAMILIES}` : portal;
}

/** Every name that the relay may know a portal by. */
export function relayNames(portal: ServicePortName): readonly ServicePortName[] {
  return [portal, `${portal}${ON_BOTH_FAMILIES}`];
}

/** Where traffic of this kind goes in a state; undefined where it has no portal of its own. */
export function wantedPortal(
  state: ServiceState,
  name: ServicePortName,
  traffic: Traffic,
): WantedPortal | undefined {
  const endpoints =
    traffic === 'internal' ? (state.endpoints.get(name) ?? NO_ENDPOINTS) : state.externalEndpoints.get(name);
  if (endpoints === undefined) return undefined;
  const servicePort = state.servicePorts.get(name);
  if (servicePort === undefined) return undefined;
  const { protocol, sessionAffinity, maxConnections } = servicePort;
  const limit = maxConnections === undefined ? {} : { maxConnections };
  return { protocol, routing: { endpoints, sessionAffinity, ...limit } };
}

/** The service port, and which traffic of it, that the portal of which the relay has this name is for. */
export function portalOfName(name: ServicePortName): { servicePort: ServicePortName; traffic: Traffic } {
  const [servicePort, ...suffixes] = name.split('@');
  return {
    servicePort: servicePort as ServicePortName,
    traffic: suffixes.includes('external') ? 'external' : 'internal',
  };
}

/** The service ports that are others in one of two states, and those that have other endpoints. */
export interface StateDifference {
  readonly services: ReadonlySet<ServicePortName>;
  readonly endpoints: ReadonlySet<ServicePortName>;
}

/** Found without looking at the service ports that are the same where one state was made from the other. */
export function stateDifference(before: ServiceState, after: ServiceState): StateDifference {
  return {
    services: new Set(differingKeys(before.servicePorts, after.servicePorts)),
    endpoints: new Set([
      ...differingKeys(before.endpoints, after.endpoints),
      ...differingKeys(before.externalEndpoints, after.externalEndpoints),
    ]),
  };
}

/** Whether the relay needs to be told: a state keeps the identity of endpoints that did not change. */
export function sameRouting(a: PortalRouting, b: PortalRouting): boolean {
  return (
    a.endpoints === b.endpoints &&
    a.maxConnections === b.maxConnections &&
    sameAffinity(a.sessionAffinity, b.sessionAffinity) &&
    sameKeys(a.leadsBack, b.leadsBack)
  );
}

const NO_KEYS: ReadonlySet<EndpointKey> = new Set();

function sameKeys(a: ReadonlySet<EndpointKey> = NO_KEYS, b: ReadonlySet<EndpointKey> = NO_KEYS): boolean {
  return a.size === b.size && [...a].every((key) => b.has(key));
}

function sameAffinity(a: SessionAffinity, b: SessionAffinity): boolean {
  if (a.type === 'None' || b.type === 'None') return a.type === b.type;
  return a.timeoutSeconds === b.timeoutSeconds;
}

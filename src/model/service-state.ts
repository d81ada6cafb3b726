import type { Endpoint } from './endpoint.js';
import { PersistentMap } from './persistent-map.js';
import type { ServicePort, ServicePortName } from './service-port.js';

/**
 * Everything a sync needs to know, as one immutable value: the service ports that are to be proxied and, for each,
 * the endpoints that may serve it now, in a stable order. A source emits a whole state each time; what did not
 * change keeps its identity (`===`) from one state to the next, so that a difference is cheap to find.
 */
export interface ServiceState {
  readonly servicePorts: ReadonlyMap<ServicePortName, ServicePort>;
  /** Where traffic to the ClusterIP may go. A service port without an entry here has no endpoints for it. */
  readonly endpoints: ReadonlyMap<ServicePortName, readonly Endpoint[]>;
  /**
   * Where traffic from outside of the cluster may go (NodePort, ExternalIPs, load-balancer IPs), maybe nowhere: for
   * exactly those service ports that are reached so and whose two traffic policies differ. That of the others goes
   * where `endpoints` say.
   */
  readonly externalEndpoints: ReadonlyMap<ServicePortName, readonly Endpoint[]>;
  /**
   * The ready endpoints on this node, maybe none, of whatever family: for exactly those service ports that have a
   * `healthCheckNodePort`. No traffic follows it; it is what a load balancer is told.
   */
  readonly readyLocalEndpoints: ReadonlyMap<ServicePortName, readonly Endpoint[]>;
  /**
   * When what the endpoints of a service port were changed for last happened, ms since the epoch: for those of which the cluster
   * tells. It changes with the endpoints alone, and no traffic follows it.
   */
  readonly endpointsTriggeredAt?: ReadonlyMap<ServicePortName, number>;
}

/** A state whose maps share what does not change with those of the states that are made from it. */
export interface SharedState extends ServiceState {
  readonly servicePorts: PersistentMap<ServicePortName, ServicePort>;
  readonly endpoints: PersistentMap<ServicePortName, readonly Endpoint[]>;
  readonly externalEndpoints: PersistentMap<ServicePortName, readonly Endpoint[]>;
  readonly readyLocalEndpoints: PersistentMap<ServicePortName, readonly Endpoint[]>;
  readonly endpointsTriggeredAt: PersistentMap<ServicePortName, number>;
}

/** No Services at all, to make states from. */
export const EMPTY_SHARED_STATE: SharedState = {
  servicePorts: PersistentMap.empty(),
  endpoints: PersistentMap.empty(),
  externalEndpoints: PersistentMap.empty(),
  readyLocalEndpoints: PersistentMap.empty(),
  endpointsTriggeredAt: PersistentMap.empty(),
};

/** No Services at all. */
export const EMPTY_STATE: ServiceState = EMPTY_SHARED_STATE;

import type { Endpoint } from './endpoint.js';
import type { ServicePort, ServicePortName } from './service-port.js';

/**
 * Everything a sync needs to know, as one immutable value: the service ports that are to be proxied and, for each,
 * the endpoints that may serve it now, in a stable order. A source emits a whole state each time; what did not
 * change keeps its identity (`===`) from one state to the next, so that a difference is cheap to find.
 */
export interface ServiceState {
  readonly servicePorts: ReadonlyMap<ServicePortName, ServicePort>;
  /** A service port without an entry here has no endpoints. */
  readonly endpoints: ReadonlyMap<ServicePortName, readonly Endpoint[]>;
}

/** No Services at all. */
export const EMPTY_STATE: ServiceState = { servicePorts: new Map(), endpoints: new Map() };

import type { EndpointKey } from '../../model/endpoint.js';
import type { ServicePortName } from '../../model/service-port.js';
import type {
  EndpointCounters,
  OpenPortal,
  PortalCounters,
  PortalRequest,
  PortalRouting,
} from '../engine.js';
import { NO_TRAFFIC } from '../no-traffic.js';

/** A portal that is to be open, with the address and port that it got. */
export interface DesiredPortal {
  readonly request: Omit<PortalRequest, 'routing'>;
  /** Where its connections are to go. */
  routing: PortalRouting;
  /** The routing that the relay has; `undefined` where it does not have this portal. */
  told: PortalRouting | undefined;
}

/**
 * Which portals a relay is to have: those that are desired, and those that it kept while this process was not there, until they
 * are asked for or closed. No name is in both.
 */
export class PortalBook {
  readonly desired = new Map<ServicePortName, DesiredPortal>();
  #kept = new Map<ServicePortName, OpenPortal>();

  /** From now on it is desired, as it is open now, rather than kept. */
  opened(request: PortalRequest, port: number): void {
    const { name, routing } = request;
    this.#kept.delete(name);
    this.desired.set(name, { request: { ...request, port }, routing, told: routing });
  }

  /** True where it was in the book. */
  remove(name: ServicePortName): boolean {
    const desired = this.desired.delete(name);
    return this.#kept.delete(name) || desired;
  }

  isKept(name: ServicePortName): boolean {
    return this.#kept.has(name);
  }

  /** The relay has just come with these portals: before the first time all are kept, later only what was kept before is. */
  relayHas(portals: ReadonlyMap<ServicePortName, OpenPortal>, first: boolean): void {
    const kept = [...portals].filter(([name]) => !this.desired.has(name) && (first || this.#kept.has(name)));
    this.#kept = new Map(kept);
    for (const desired of this.desired.values()) desired.told = undefined;
  }

  /** Every name that a relay is to have. */
  names(): readonly ServicePortName[] {
    return [...this.desired.keys(), ...this.#kept.keys()];
  }

  portals(): Map<ServicePortName, OpenPortal> {
    const portals = new Map(this.#kept);
    for (const [name, { request }] of this.desired) {
      portals.set(name, { protocol: request.protocol, address: request.address, port: request.port });
    }
    return portals;
  }

  clear(): void {
    this.desired.clear();
    this.#kept.clear();
  }

  /** The counters of each portal in the book, of what the relay told: endpoints of the routing, and those still in use. */
  counters(told: ReadonlyMap<ServicePortName, PortalCounters>): Map<ServicePortName, PortalCounters> {
    const counters = new Map<ServicePortName, PortalCounters>();
    for (const name of this.names()) {
      const all = told.get(name) ?? NO_TRAFFIC;
      const current = this.desired.get(name)?.routing.endpoints ?? [];
      const endpoints = new Map<EndpointKey, EndpointCounters>();
      for (const { key } of current) {
        endpoints.set(key, all.endpoints.get(key) ?? { connections: 0, totalConnections: 0 });
      }
      for (const [key, used] of all.endpoints) if (used.connections > 0) endpoints.set(key, used);
      counters.set(name, { ...all, endpoints });
    }
    return counters;
  }
}

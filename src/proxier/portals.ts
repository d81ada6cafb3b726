import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Logger } from '../host/log.js';
import type { Endpoint } from '../model/endpoint.js';
import { KubeSpliceError } from '../model/errors.js';
import type { ServicePort, ServicePortName, SessionAffinity } from '../model/service-port.js';
import type { ServiceState } from '../model/service-state.js';
import type { OpenPortal, PortalRouting, RelayEngine } from '../relay/engine.js';
import type { PortAllocator } from './port-allocator.js';

/** Portals opened at the same time: enough to keep the event loop busy, few enough to let others in between. */
const OPENING_AT_ONCE = 32;

const NO_ENDPOINTS: readonly Endpoint[] = [];

interface Portal extends OpenPortal {
  routing: PortalRouting;
}

/** What the portals are opened with. */
export interface PortalsOptions {
  readonly relay: RelayEngine;
  readonly ports: PortAllocator;
  readonly bindAddress: string;
  readonly logger: Logger;
}

/** The portals of the relay, held equal to a state. It alone opens and closes them. */
export class Portals {
  readonly #open = new Map<ServicePortName, Portal>();
  readonly #errors = new Map<ServicePortName, KubeSpliceError>();

  constructor(private readonly options: PortalsOptions) {}

  get open(): ReadonlyMap<ServicePortName, OpenPortal> {
    return this.#open;
  }

  /** Why a service port has no portal. */
  get errors(): ReadonlyMap<ServicePortName, KubeSpliceError> {
    return this.#errors;
  }

  /** Tells the relay of endpoints and affinity that differ from what it has: nothing to wait for. */
  route(state: ServiceState): void {
    for (const name of this.#open.keys()) this.#route(name, state);
  }

  /**
   * Closes what the newest state no longer holds, then opens what it holds anew. What can't be opened is in `errors`.
   *
   * @param newest the newest state; it may change while portals are opened, and each is opened with what holds then.
   * @param stopping true where the portals that are not open yet are no longer wanted.
   */
  async reconcile(newest: () => ServiceState, stopping: () => boolean): Promise<void> {
    const state = newest();
    await Promise.all(
      [...this.#open]
        .filter(([name, { protocol }]) => state.servicePorts.get(name)?.protocol !== protocol)
        .map(([name, portal]) => this.#closePortal(name, portal)),
    );
    for (const name of this.#errors.keys()) {
      if (!state.servicePorts.has(name)) this.#errors.delete(name);
    }
    const missing = [...state.servicePorts.keys()].filter((name) => !this.#open.has(name)).values();
    const openOneAfterAnother = async (): Promise<void> => {
      for (const name of missing) {
        if (stopping()) return;
        await this.#openPortal(name, newest);
        // A portal can open without a turn of the event loop: thousands of them would let nobody else in.
        await nextTurn();
      }
    };
    await Promise.all(Array.from({ length: OPENING_AT_ONCE }, openOneAfterAnother));
  }

  async #openPortal(name: ServicePortName, newest: () => ServiceState): Promise<void> {
    const { relay, ports, bindAddress, logger } = this.options;
    const servicePort = newest().servicePorts.get(name);
    if (servicePort === undefined) return;
    const { protocol } = servicePort;
    const routing = routingOf(servicePort, newest());
    try {
      const address = await ports.allocate(name, (port) =>
        relay.open({ name, protocol, address: bindAddress, port, routing }),
      );
      this.#open.set(name, { protocol, ...address, routing });
      this.#errors.delete(name);
      logger.detail(2, 'portal opened', { servicePort: name, protocol, ...address });
      this.#route(name, newest());
    } catch (error) {
      if (!(error instanceof KubeSpliceError)) throw error;
      // Tried again at every sync, told once.
      if (this.#errors.get(name)?.code !== error.code) {
        logger.error(`${error.code}: ${error.message}`, { remedy: error.remedy });
      }
      this.#errors.set(name, error);
    }
  }

  #route(name: ServicePortName, state: ServiceState): void {
    const portal = this.#open.get(name);
    const servicePort = state.servicePorts.get(name);
    if (portal === undefined || servicePort === undefined) return;
    const routing = routingOf(servicePort, state);
    if (sameRouting(portal.routing, routing)) return;
    portal.routing = routing;
    this.options.relay.route(name, routing);
  }

  async #closePortal(name: ServicePortName, portal: Portal): Promise<void> {
    const { relay, ports, logger } = this.options;
    this.#open.delete(name);
    await relay.close(name);
    ports.release(portal.port);
    const { protocol, address, port } = portal;
    logger.detail(2, 'portal closed', { servicePort: name, protocol, address, port });
  }
}

function routingOf(servicePort: ServicePort, state: ServiceState): PortalRouting {
  return {
    endpoints: state.endpoints.get(servicePort.name) ?? NO_ENDPOINTS,
    sessionAffinity: servicePort.sessionAffinity,
  };
}

/** A state keeps the identity of what did not change. */
function sameRouting(a: PortalRouting, b: PortalRouting): boolean {
  return a.endpoints === b.endpoints && sameAffinity(a.sessionAffinity, b.sessionAffinity);
}

function sameAffinity(a: SessionAffinity, b: SessionAffinity): boolean {
  if (a.type === 'None' || b.type === 'None') return a.type === b.type;
  return a.timeoutSeconds === b.timeoutSeconds;
}

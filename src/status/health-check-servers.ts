import { setImmediate as nextTurn } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { localAddresses } from '../host/local-addresses.js';
import type { Logger } from '../host/log.js';
import { KubeSpliceError } from '../model/errors.js';
import { differingKeys } from '../model/persistent-map.js';
import type { ServicePortName } from '../model/service-port.js';
import { EMPTY_STATE, type ServiceState } from '../model/service-state.js';
import { type ServiceKey, serviceKey } from '../model/slices-by-service.js';
import { healthCheckAddresses, type ListenAddress } from './health-check-addresses.js';
import { type HealthCheck, hasHealthCheck, healthCheckOf } from './health-check-answer.js';
import { HealthCheckServer } from './health-check-server.js';

export interface HealthCheckServersOptions {
  /** CIDRs of the node's addresses that the servers listen on; none means every address. */
  readonly nodePortAddresses: readonly string[];
  readonly logger: Logger;
  /** The addresses of the node, in canonical text; looked at again at every `retry`. */
  readonly localAddresses?: () => readonly string[];
}

/**
 * For each Service with a `healthCheckNodePort` the server that load balancers ask whether this node has ready endpoints
 * of its own, held equal to a state.
 *
 *     update(state) ──▶ answers: at once
 *           └─────────▶ servers that are gone are closed, then new ones opened
 */
export class HealthCheckServers {
  readonly #options: HealthCheckServersOptions;
  #state: ServiceState = EMPTY_STATE;
  readonly #serviceOf = new Map<ServicePortName, ServiceKey>();
  readonly #servicePortsOf = new Map<ServiceKey, Set<ServicePortName>>();
  /** What there is to tell. */
  readonly #checks = new Map<ServiceKey, HealthCheck>();
  readonly #servers = new Map<ServiceKey, HealthCheckServer>();
  readonly #failed = new Map<ServiceKey, { readonly error: KubeSpliceError }>();
  /** Services whose server may have to be closed or opened. */
  #due = new Set<ServiceKey>();
  #addresses: readonly ListenAddress[] | undefined;
  #settling: Promise<void> | undefined;
  #leaving = false;
  #stopped = false;

  constructor(options: HealthCheckServersOptions) {
    this.#options = options;
  }

  /** Why a Service's server does not listen, or not everywhere: `HEALTH_CHECK_PORT_IN_USE`, `HEALTH_CHECK_PORT_UNAVAILABLE`. */
  get failed(): ReadonlyMap<ServiceKey, { readonly error: KubeSpliceError }> {
    return this.#failed;
  }

  /**
   * Takes a new state: what is answered is of it when this returns. It takes as long as what differs is large, and opens
   * and closes nothing where ports are the same.
   *
   * @returns resolves once the servers are those of the newest state, as far as they can be; it never rejects.
   */
  update(state: ServiceState): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    const changed = [
      ...differingKeys(this.#state.servicePorts, state.servicePorts),
      ...differingKeys(this.#state.readyLocalEndpoints, state.readyLocalEndpoints),
    ];
    this.#state = state;
    const services = new Set<ServiceKey>();
    for (const name of changed) this.#assign(name, services);
    for (const key of services) this.#tell(key);
    return this.#settle();
  }

  /** Tries again what failed, and follows the addresses of the node. Resolves as `update` does. */
  retry(): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    const addresses = this.#lookUpAddresses();
    const isSame = this.#addresses === undefined || isDeepStrictEqual(addresses, this.#addresses);
    this.#addresses = addresses;
    for (const key of isSame ? this.#failed.keys() : this.#checks.keys()) this.#due.add(key);
    return this.#settle();
  }

  /** From now on every server answers 503: load balancers are to send new clients to other nodes. */
  leave(): void {
    this.#leaving = true;
  }

  /** Closes every server. Harmless when repeated. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#settling;
    const servers = [...this.#servers.values()];
    this.#servers.clear();
    this.#failed.clear();
    await Promise.all(servers.map((server) => server.stop()));
  }

  /** Notes whose service port this is now, and in `services` the Services of which something may be different. */
  #assign(name: ServicePortName, services: Set<ServiceKey>): void {
    const before = this.#serviceOf.get(name);
    const servicePort = this.#state.servicePorts.get(name);
    const after =
      servicePort !== undefined && hasHealthCheck(servicePort)
        ? serviceKey({ namespace: servicePort.namespace, name: servicePort.service })
        : undefined;
    if (before !== undefined) services.add(before);
    if (after !== undefined) services.add(after);
    if (before === after) return;
    if (before !== undefined) this.#servicePortsOf.get(before)?.delete(name);
    if (after === undefined) {
      this.#serviceOf.delete(name);
      return;
    }
    this.#serviceOf.set(name, after);
    const servicePorts = this.#servicePortsOf.get(after);
    if (servicePorts === undefined) this.#servicePortsOf.set(after, new Set([name]));
    else servicePorts.add(name);
  }

  #tell(key: ServiceKey): void {
    const check = healthCheckOf(this.#servicePortsOf.get(key) ?? [], this.#state);
    const before = this.#checks.get(key);
    if (check?.port !== before?.port) this.#due.add(key);
    if (check === undefined) {
      this.#checks.delete(key);
      this.#servicePortsOf.delete(key);
      return;
    }
    this.#checks.set(key, check);
    const server = this.#servers.get(key);
    if (server?.port === check.port) server.tell(check);
  }

  #settle(): Promise<void> {
    if (this.#due.size === 0 && this.#settling === undefined) return Promise.resolve();
    this.#settling ??= this.#openAndClose().finally(() => {
      this.#settling = undefined;
    });
    return this.#settling;
  }

  async #openAndClose(): Promise<void> {
    while (this.#due.size > 0 && !this.#stopped) {
      const due = this.#due;
      this.#due = new Set();
      const isFreed = await this.#closeUnwanted(due);
      // Another Service may have waited for one of these ports.
      if (isFreed) for (const key of this.#failed.keys()) due.add(key);
      for (const key of due) {
        if (this.#stopped) return;
        await this.#open(key);
        // A server can open without a turn of the event loop: thousands of them would let nobody else in.
        await nextTurn();
      }
    }
  }

  async #closeUnwanted(services: Iterable<ServiceKey>): Promise<boolean> {
    const closing: Promise<void>[] = [];
    for (const key of services) {
      const check = this.#checks.get(key);
      const server = this.#servers.get(key);
      if (check === undefined) this.#failed.delete(key);
      if (server === undefined || server.port === check?.port) continue;
      this.#servers.delete(key);
      closing.push(server.stop());
      this.#options.logger.detail(2, 'health check closed', { service: key, port: server.port });
    }
    await Promise.all(closing);
    return closing.length > 0;
  }

  async #open(key: ServiceKey): Promise<void> {
    const check = this.#checks.get(key);
    // One whose port has changed since is due once more.
    const server = this.#servers.get(key) ?? (check && new HealthCheckServer(check, () => this.#leaving));
    if (check === undefined || server?.port !== check.port) return;
    this.#addresses ??= this.#lookUpAddresses();
    const isNew = !this.#servers.has(key);
    this.#servers.set(key, server);
    const failure = await server.listenOn(this.#addresses);
    const error = this.#addresses.length === 0 ? nowhere(key, check) : failure;
    if (error !== null) this.#fail(key, error);
    else {
      this.#failed.delete(key);
      if (isNew) this.#options.logger.detail(2, 'health check opened', { service: key, port: check.port });
    }
  }

  /** Each reason once, however often it is tried. */
  #fail(key: ServiceKey, error: KubeSpliceError): void {
    const isTold = this.#failed.get(key)?.error.message === error.message;
    this.#failed.set(key, { error });
    if (!isTold) this.#options.logger.error(`${error.code}: ${error.message}`, { remedy: error.remedy });
  }

  #lookUpAddresses(): readonly ListenAddress[] {
    const { nodePortAddresses, localAddresses: local = () => localAddresses('::') } = this.#options;
    return healthCheckAddresses(nodePortAddresses, local);
  }
}

function nowhere(key: ServiceKey, { port }: HealthCheck): KubeSpliceError {
  return new KubeSpliceError(
    'HEALTH_CHECK_PORT_UNAVAILABLE',
    `${key}: healthCheckNodePort ${port}: no address of this node is in --nodeport-addresses`,
  );
}

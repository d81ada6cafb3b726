import { isDeepStrictEqual } from 'node:util';
import type { ServicePortEndpoints } from './eligible-endpoints.js';
import type { Endpoint } from './endpoint.js';
import type { ServicePort, ServicePortName } from './service-port.js';
import type { SharedState } from './service-state.js';

type Changes<Value> = [ServicePortName, Value | undefined][];

/** Gathers what is to change in a state. What is equal to what the state has keeps its identity. */
export class StateChanges {
  readonly #state: SharedState;
  readonly #servicePorts: Changes<ServicePort> = [];
  readonly #endpoints: Changes<readonly Endpoint[]> = [];
  readonly #externalEndpoints: Changes<readonly Endpoint[]> = [];
  readonly #readyLocalEndpoints: Changes<readonly Endpoint[]> = [];
  readonly #endpointsTriggeredAt: Changes<number> = [];

  constructor(state: SharedState) {
    this.#state = state;
  }

  /** The service port that the state has where it is equal to this one, else this one. */
  kept(servicePort: ServicePort): ServicePort {
    const known = this.#state.servicePorts.get(servicePort.name);
    if (known === servicePort) return servicePort;
    return known !== undefined && isDeepStrictEqual(known, servicePort) ? known : servicePort;
  }

  /** @param triggeredAt when what the endpoints were changed for happened; null where nobody tells. */
  set(servicePort: ServicePort, found: ServicePortEndpoints, triggeredAt: number | null = null): void {
    const { name } = servicePort;
    const { endpoints, externalEndpoints, readyLocalEndpoints } = found;
    const served = endpoints.length === 0 ? undefined : endpoints;
    this.#servicePorts.push([name, servicePort]);
    const before = {
      internal: this.#state.endpoints.get(name),
      external: this.#state.externalEndpoints.get(name),
    };
    const internal = keptList(served, before.internal);
    this.#endpoints.push([name, internal]);
    const external = keptList(externalEndpoints, before.external);
    this.#externalEndpoints.push([name, external]);
    if (internal !== before.internal || external !== before.external)
      this.#endpointsTriggeredAt.push([name, triggeredAt ?? undefined]);
    const readyLocal = keptList(readyLocalEndpoints, this.#state.readyLocalEndpoints.get(name));
    this.#readyLocalEndpoints.push([name, readyLocal]);
  }

  remove(name: ServicePortName): void {
    this.#servicePorts.push([name, undefined]);
    this.#endpoints.push([name, undefined]);
    this.#externalEndpoints.push([name, undefined]);
    this.#readyLocalEndpoints.push([name, undefined]);
    this.#endpointsTriggeredAt.push([name, undefined]);
  }

  /** The state after all of this: the same one where nothing is different. */
  applied(): SharedState {
    const state = this.#state;
    const servicePorts = state.servicePorts.with(this.#servicePorts);
    const endpoints = state.endpoints.with(this.#endpoints);
    const externalEndpoints = state.externalEndpoints.with(this.#externalEndpoints);
    const readyLocalEndpoints = state.readyLocalEndpoints.with(this.#readyLocalEndpoints);
    const endpointsTriggeredAt = state.endpointsTriggeredAt.with(this.#endpointsTriggeredAt);
    const isSame =
      servicePorts === state.servicePorts &&
      endpoints === state.endpoints &&
      externalEndpoints === state.externalEndpoints &&
      readyLocalEndpoints === state.readyLocalEndpoints;
    return isSame
      ? state
      : { servicePorts, endpoints, externalEndpoints, readyLocalEndpoints, endpointsTriggeredAt };
  }
}

function keptList(
  next: readonly Endpoint[] | undefined,
  known: readonly Endpoint[] | undefined,
): readonly Endpoint[] | undefined {
  const isSame =
    known !== undefined &&
    known.length === next?.length &&
    next.every(({ key }, index) => key === known[index]?.key);
  return isSame ? known : next;
}

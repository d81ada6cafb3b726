import { EMPTY_STATE, type ServiceState } from '../model/service-state.js';

interface Counts {
  readonly services: number;
  readonly endpoints: number;
}

/** How many Services and endpoints a state has: counted once for each state, however often it is asked for. */
export class StateCounts {
  #counted: ServiceState = EMPTY_STATE;
  #counts: Counts = { services: 0, endpoints: 0 };

  of(state: ServiceState): Counts {
    if (state === this.#counted) return this.#counts;
    const services = new Set<string>();
    let endpoints = 0;
    for (const { namespace, service } of state.servicePorts.values()) services.add(`${namespace}/${service}`);
    for (const list of state.endpoints.values()) endpoints += list.length;
    this.#counted = state;
    this.#counts = { services: services.size, endpoints };
    return this.#counts;
  }
}

import { isDeepStrictEqual } from 'node:util';
import { endpointsOf } from './eligible-endpoints.js';
import type { EndpointSlice } from './endpoint-slice.js';
import { endpointVerdicts, type ServicePortVerdicts } from './endpoint-verdicts.js';
import { type NodeTopology, UNKNOWN_NODE } from './node.js';
import type { Service } from './service.js';
import { type ServicePortName, serviceOf } from './service-port.js';
import { EMPTY_SHARED_STATE, type ServiceState, type SharedState } from './service-state.js';
import { type ServiceKey, SlicesByService, serviceKey } from './slices-by-service.js';
import { StateChanges } from './state-changes.js';

/**
 * The objects that a source knows of, and the state they make. It takes changes as they come, and works out a state
 * when it is asked for one: anew only for the Services that something was said of since, so that a change costs the
 * same among 10 Services as among 10,000.
 *
 * ```
 *   setService ──▶ Services ──┐
 *   setSlices ───▶ slices ────┼──▶ touched Services ──state()──▶ ServiceState
 *   setNode ─────▶ node ──────┘
 * ```
 *
 * What a state holds depends on the objects alone, not on the order in which they came; the order of its maps is not
 * sorted. But for the times of `endpointsTriggeredAt`, which are those of the last change. What is equal to what it was before keeps its identity: a service port, a list of endpoints, a map, the
 * state.
 */
export class ServiceCatalog {
  readonly #services = new Map<ServiceKey, Service>();
  readonly #slices = new SlicesByService();
  #node: NodeTopology;
  /** Services whose part of the state is not worked out yet. */
  readonly #touched = new Set<ServiceKey>();
  #state: SharedState = EMPTY_SHARED_STATE;
  /** The names of the service ports that the state has of each Service. */
  readonly #namesOf = new Map<ServiceKey, readonly ServicePortName[]>();

  constructor(node: NodeTopology = UNKNOWN_NODE) {
    this.#node = node;
  }

  /** Takes a Service as it is now; `undefined` where it is gone. */
  setService(key: ServiceKey, service: Service | undefined): void {
    if (isDeepStrictEqual(service, this.#services.get(key))) return;
    if (service === undefined) this.#services.delete(key);
    else this.#services.set(key, service);
    this.#touched.add(key);
  }

  /**
   * Takes the slices of one object as they are now: of an EndpointSlice itself alone, of a legacy Endpoints one for
   * each subset; none where it is gone.
   *
   * @param key the object's own, whatever its kind.
   */
  setSlices(key: string, slices: readonly EndpointSlice[]): void {
    for (const service of this.#slices.set(key, slices)) this.#touched.add(service);
  }

  /** Takes where this proxy runs: every Service may have other endpoints there. */
  setNode({ name, zone }: NodeTopology): void {
    if (name === this.#node.name && zone === this.#node.zone) return;
    this.#node = { name, zone };
    for (const key of this.#services.keys()) this.#touched.add(key);
  }

  /** Takes all Services that there are: any other is gone. */
  replaceServices(all: Iterable<Service>): void {
    const gone = new Set(this.#services.keys());
    for (const service of all) {
      const key = serviceKey(service);
      gone.delete(key);
      this.setService(key, service);
    }
    for (const key of gone) this.setService(key, undefined);
  }

  /** Takes the slices of all objects that there are, by the key of each: any other is gone. */
  replaceSlices(all: Iterable<readonly [string, readonly EndpointSlice[]]>): void {
    const gone = new Set(this.#slices.objects());
    for (const [key, slices] of all) {
      gone.delete(key);
      this.setSlices(key, slices);
    }
    for (const key of gone) this.setSlices(key, []);
  }

  /** The state that the objects make now: the one of the last call where nothing in it is different. */
  state(): ServiceState {
    if (this.#touched.size === 0) return this.#state;
    const changes = new StateChanges(this.#state);
    for (const key of this.#touched) this.#workOut(key, changes);
    this.#touched.clear();
    this.#state = changes.applied();
    return this.#state;
  }

  /** Why traffic goes to which of the endpoints of a service port, by the objects as they are now; null for one that isn't there. */
  verdicts(name: ServicePortName): ServicePortVerdicts | null {
    const key = serviceOf(name) as ServiceKey;
    const service = this.#services.get(key);
    const servicePort = service?.servicePorts.find((port) => port.name === name);
    if (service === undefined || servicePort === undefined) return null;
    return endpointVerdicts(servicePort, service.primaryFamily, this.#slices.of(key), this.#node);
  }

  #workOut(key: ServiceKey, changes: StateChanges): void {
    for (const name of this.#namesOf.get(key) ?? []) changes.remove(name);
    const service = this.#services.get(key);
    if (service === undefined) {
      this.#namesOf.delete(key);
      return;
    }
    const servicePorts = service.servicePorts.map((servicePort) => changes.kept(servicePort));
    // With the ports that the state has, which need not be compared again when only endpoints change.
    this.#services.set(key, { ...service, servicePorts });
    this.#namesOf.set(
      key,
      servicePorts.map(({ name }) => name),
    );
    const slices = this.#slices.of(key);
    const triggeredAt = lastTriggered(slices);
    for (const servicePort of servicePorts) {
      const endpoints = endpointsOf(servicePort, service.primaryFamily, slices, this.#node);
      changes.set(servicePort, endpoints, triggeredAt);
    }
  }
}

/** The last of the times that the slices of a Service were changed for; null where none of them tells. */
function lastTriggered(slices: readonly EndpointSlice[]): number | null {
  let last: number | null = null;
  for (const { triggeredAt } of slices)
    if (triggeredAt !== null && (last === null || triggeredAt > last)) last = triggeredAt;
  return last;
}

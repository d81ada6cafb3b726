import { differingKeys, PersistentMap } from './persistent-map.js';
import { type ServicePortName, serviceOf } from './service-port.js';
import { EMPTY_STATE, type ServiceState } from './service-state.js';

/** A state laid over another: a Service that is in both is the upper one's, whole. */
export interface Overlay {
  readonly upper: ServiceState;
  readonly lower: ServiceState;
  readonly state: ServiceState;
  /** `namespace/name` of each Service of the upper state. */
  readonly upperServices: ReadonlySet<string>;
  /** Service ports of the lower state that are not used, because the upper one has their Service. */
  readonly hidden: ReadonlySet<ServicePortName>;
}

/** Nothing over nothing. */
export const EMPTY_OVERLAY: Overlay = {
  upper: EMPTY_STATE,
  lower: EMPTY_STATE,
  state: EMPTY_STATE,
  upperServices: new Set(),
  hidden: new Set(),
};

type StateMap = ReadonlyMap<ServicePortName, unknown>;

const NOTHING = new Map<ServicePortName, never>();

/**
 * One state over another. Where only the lower one changed, this takes as long as that change is large.
 *
 * @param previous the overlay before: what did not change keeps its identity.
 */
export function overlayState(upper: ServiceState, lower: ServiceState, previous = EMPTY_OVERLAY): Overlay {
  const before = upper === previous.upper ? previous : overNothing(upper);
  const { upperServices } = before;
  const isHidden = (name: ServicePortName): boolean => upperServices.has(serviceOf(name));
  const merged = <V>(key: keyof ServiceState, map: ReadonlyMap<ServicePortName, V>) => {
    const start = (before.state[key] ?? NOTHING) as ReadonlyMap<ServicePortName, V>;
    return persistent(start).with(changes(before.lower[key] ?? NOTHING, map, isHidden));
  };
  const state: ServiceState = {
    servicePorts: merged('servicePorts', lower.servicePorts),
    endpoints: merged('endpoints', lower.endpoints),
    externalEndpoints: merged('externalEndpoints', lower.externalEndpoints),
    readyLocalEndpoints: merged('readyLocalEndpoints', lower.readyLocalEndpoints),
    endpointsTriggeredAt: merged('endpointsTriggeredAt', lower.endpointsTriggeredAt ?? NOTHING),
  };
  const hidden = hiddenIn(before, lower.servicePorts, isHidden);
  return { upper, lower, upperServices, hidden, state: isSame(state, before.state) ? before.state : state };
}

function overNothing(upper: ServiceState): Overlay {
  const upperServices = new Set([...upper.servicePorts.keys()].map(serviceOf));
  return { ...EMPTY_OVERLAY, upper, upperServices, state: upper };
}

function* changes<V>(
  before: StateMap,
  after: ReadonlyMap<ServicePortName, V>,
  isHidden: (name: ServicePortName) => boolean,
): Generator<readonly [ServicePortName, V | undefined], undefined> {
  for (const name of differingKeys<ServicePortName, unknown>(before, after))
    if (!isHidden(name)) yield [name, after.get(name)];
}

function hiddenIn(
  before: Overlay,
  servicePorts: StateMap,
  isHidden: (name: ServicePortName) => boolean,
): ReadonlySet<ServicePortName> {
  const differing = [...differingKeys(before.lower.servicePorts as StateMap, servicePorts)].filter(isHidden);
  if (differing.length === 0) return before.hidden;
  const hidden = new Set(before.hidden);
  for (const name of differing) {
    if (servicePorts.has(name)) hidden.add(name);
    else hidden.delete(name);
  }
  return hidden;
}

function persistent<V>(map: ReadonlyMap<ServicePortName, V>): PersistentMap<ServicePortName, V> {
  return map instanceof PersistentMap ? map : PersistentMap.from(map);
}

function isSame(one: ServiceState, other: ServiceState): boolean {
  return (
    one.servicePorts === other.servicePorts &&
    one.endpoints === other.endpoints &&
    one.externalEndpoints === other.externalEndpoints &&
    one.readyLocalEndpoints === other.readyLocalEndpoints
  );
}

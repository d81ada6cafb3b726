import type { IPFamily } from './address.js';
import { candidateEndpoints, isEligible, slicesInUse } from './candidate-endpoint.js';
import { narrowings, type PassedOver } from './eligible-endpoints.js';
import { type Endpoint, type EndpointKey, endpoint } from './endpoint.js';
import type { EndpointConditions, EndpointSlice } from './endpoint-slice.js';
import type { EndpointTopology } from './endpoint-topology.js';
import type { NodeTopology } from './node.js';
import type { ServicePort, TrafficPolicy } from './service-port.js';

/** An endpoint that the cluster names for a service port, and whether traffic may go there. */
export interface EndpointVerdict extends EndpointConditions, EndpointTopology {
  readonly endpoint: Endpoint;
  /** Why traffic to the ClusterIP doesn't go there; null where it may. */
  readonly internal: PassedOver | null;
  /** The same for traffic from outside of the cluster, which may follow another policy. */
  readonly external: PassedOver | null;
}

/** What is known of the endpoints of one service port. */
export interface ServicePortVerdicts {
  /** Every one that is named for it, sorted by key. */
  readonly endpoints: readonly EndpointVerdict[];
  /** `name/protocol` of the ports that the endpoints of the Service have besides: a name that is spelt otherwise is among them. */
  readonly otherPorts: readonly string[];
  /** Where this proxy runs, as it was judged. */
  readonly node: NodeTopology;
}

/**
 * Judges every endpoint of a service port by the very steps that {@link endpointsOf} takes: those whose verdict is null
 * are those that it gives.
 *
 * @param slices those of the Service, in any order.
 */
export function endpointVerdicts(
  servicePort: ServicePort,
  primaryFamily: IPFamily | null,
  slices: readonly EndpointSlice[],
  node: NodeTopology,
): ServicePortVerdicts {
  const passedOver = (policy: TrafficPolicy) => {
    let left = candidateEndpoints(servicePort, slices, node);
    const reasons = new Map<EndpointKey, PassedOver>();
    for (const { why, keep } of narrowings(policy, primaryFamily)) {
      const kept = new Set(keep(left));
      for (const candidate of left) if (!kept.has(candidate)) reasons.set(candidate.endpoint.key, why);
      left = [...kept];
    }
    return reasons;
  };
  const internal = passedOver(servicePort.internalTrafficPolicy);
  const external = passedOver(servicePort.externalTrafficPolicy);
  const endpoints = named(servicePort, slices).map((held): EndpointVerdict => {
    const { key } = held.endpoint;
    const unfit = isEligible(held) ? null : 'not-ready';
    return {
      ...held,
      internal: unfit ?? internal.get(key) ?? null,
      external: unfit ?? external.get(key) ?? null,
    };
  });
  return { endpoints, otherPorts: otherPorts(servicePort, slices), node };
}

type Named = Omit<EndpointVerdict, 'internal' | 'external'>;

/** Each once: of one that several slices hold, what speaks best for it. */
function named({ portName, protocol }: ServicePort, slices: readonly EndpointSlice[]): readonly Named[] {
  const found = new Map<EndpointKey, Named>();
  for (const slice of slicesInUse(slices)) {
    for (const port of slice.ports) {
      if (port.name !== portName || port.protocol !== protocol) continue;
      for (const { address, ready, serving, terminating, nodeName, hints } of slice.endpoints) {
        const held = { endpoint: endpoint(address, port.port), ready, serving, terminating, nodeName, hints };
        const known = found.get(held.endpoint.key);
        if (known === undefined || fitness(held) > fitness(known)) found.set(held.endpoint.key, held);
      }
    }
  }
  return [...found.values()].sort((one, other) => (one.endpoint.key < other.endpoint.key ? -1 : 1));
}

function fitness(held: EndpointConditions): number {
  return held.ready ? 2 : isEligible(held) ? 1 : 0;
}

function otherPorts(
  { portName, protocol }: ServicePort,
  slices: readonly EndpointSlice[],
): readonly string[] {
  const ports = slicesInUse(slices).flatMap((slice) => slice.ports);
  const others = ports.filter((port) => port.name !== portName || port.protocol !== protocol);
  return [...new Set(others.map((port) => `${port.name}/${port.protocol}`))].sort();
}

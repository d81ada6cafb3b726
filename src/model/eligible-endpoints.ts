import type { IPFamily } from './address.js';
import { type Endpoint, type EndpointKey, endpoint } from './endpoint.js';
import type { EndpointSlice, SliceEndpoint } from './endpoint-slice.js';
import type { ServicePort } from './service-port.js';

interface Candidate {
  readonly endpoint: Endpoint;
  readonly family: IPFamily;
  readonly ready: boolean;
}

/**
 * The endpoints that may serve a service port now, each once, sorted by key.
 *
 * Ready ones serve; where none is ready, those that still serve while they terminate do (KEP-1669). Those of the
 * Service's primary family are used; where it has none that may serve, those of the other family are: a proxy in user
 * space can cross families. Where no family is known all are used. Slices win over legacy Endpoints: where a Service
 * has one, even an empty one, its Endpoints do not count.
 *
 * @param slices those of the Service, in any order. An endpoint that several of them hold counts as the best of them
 *   says.
 */
export function endpointsOf(
  servicePort: Pick<ServicePort, 'portName' | 'protocol'>,
  primaryFamily: IPFamily | null,
  slices: readonly EndpointSlice[],
): readonly Endpoint[] {
  const candidates = [...candidatesOf(servicePort, slices).values()];
  const primary = candidates.filter(({ family }) => primaryFamily === null || family === primaryFamily);
  return serving(primary.length > 0 ? primary : candidates);
}

/** Whether a pod in this state may serve: as long as it is ready, or as a last resort while it terminates. */
export function isEligible({ ready, serving, terminating }: SliceEndpoint): boolean {
  return ready || (serving && terminating);
}

function candidatesOf(
  { portName, protocol }: Pick<ServicePort, 'portName' | 'protocol'>,
  slices: readonly EndpointSlice[],
): Map<EndpointKey, Candidate> {
  const hasSlice = slices.some(({ origin }) => origin === 'EndpointSlice');
  const candidates = new Map<EndpointKey, Candidate>();
  for (const slice of slices) {
    if (hasSlice && slice.origin === 'Endpoints') continue;
    for (const port of slice.ports) {
      if (port.name !== portName || port.protocol !== protocol) continue;
      for (const held of slice.endpoints) {
        if (!isEligible(held)) continue;
        const found = endpoint(held.address, port.port);
        if (candidates.get(found.key)?.ready === true) continue;
        candidates.set(found.key, { endpoint: found, family: held.family, ready: held.ready });
      }
    }
  }
  return candidates;
}

function serving(candidates: readonly Candidate[]): Endpoint[] {
  const ready = candidates.filter((candidate) => candidate.ready);
  return (ready.length > 0 ? ready : candidates)
    .map((candidate) => candidate.endpoint)
    .sort((one, other) => (one.key < other.key ? -1 : 1));
}

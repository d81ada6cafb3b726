import type { IPFamily } from './address.js';
import { type Endpoint, type EndpointKey, endpoint } from './endpoint.js';
import type { EndpointSlice, SliceEndpoint } from './endpoint-slice.js';
import type { NodeTopology } from './node.js';
import type { ServicePort } from './service-port.js';

/** Whom the hints of an endpoint name: nobody, others only, or the node or zone that it is asked for. */
export type Hinted = 'nobody' | 'others' | 'here';

/** An endpoint that may serve a service port, seen from one node. */
export interface CandidateEndpoint {
  readonly endpoint: Endpoint;
  readonly family: IPFamily;
  /** Else it serves while it terminates. */
  readonly ready: boolean;
  /** Whether it is on the node. */
  readonly local: boolean;
  readonly nodeHint: Hinted;
  readonly zoneHint: Hinted;
}

/** Whether a pod in this state may serve: as long as it is ready, or as a last resort while it terminates (KEP-1669). */
export function isEligible({
  ready,
  serving,
  terminating,
}: Pick<SliceEndpoint, 'ready' | 'serving' | 'terminating'>): boolean {
  return ready || (serving && terminating);
}

/**
 * The endpoints of a service port that may serve, each once, sorted by key. One that several slices hold is the best
 * that they say of it, so that their order does not matter. Slices win over legacy Endpoints: where a Service has one,
 * even an empty one, its Endpoints do not count.
 */
export function candidateEndpoints(
  { portName, protocol }: Pick<ServicePort, 'portName' | 'protocol'>,
  slices: readonly EndpointSlice[],
  node: NodeTopology,
): readonly CandidateEndpoint[] {
  const candidates = new Map<EndpointKey, CandidateEndpoint>();
  for (const slice of slicesInUse(slices)) {
    for (const port of slice.ports) {
      if (port.name !== portName || port.protocol !== protocol) continue;
      for (const held of slice.endpoints) {
        if (!isEligible(held)) continue;
        const found = candidateAt(held, port.port, node);
        const known = candidates.get(found.endpoint.key);
        candidates.set(found.endpoint.key, known === undefined ? found : best(known, found));
      }
    }
  }
  return [...candidates.values()].sort(byKey);
}

/** Without those of legacy Endpoints, where there is an EndpointSlice. */
export function slicesInUse(slices: readonly EndpointSlice[]): readonly EndpointSlice[] {
  const ofTheirOwn = slices.filter(({ origin }) => origin === 'EndpointSlice');
  return ofTheirOwn.length === 0 ? slices : ofTheirOwn;
}

function candidateAt(held: SliceEndpoint, port: number, node: NodeTopology): CandidateEndpoint {
  return {
    endpoint: endpoint(held.address, port),
    family: held.family,
    ready: held.ready,
    local: node.name !== null && held.nodeName === node.name,
    nodeHint: hinted(held.hints?.forNodes, node.name),
    zoneHint: hinted(held.hints?.forZones, node.zone),
  };
}

function hinted(names: readonly string[] | undefined, name: string | null): Hinted {
  if (names === undefined || names.length === 0) return 'nobody';
  return name !== null && names.includes(name) ? 'here' : 'others';
}

function best(one: CandidateEndpoint, other: CandidateEndpoint): CandidateEndpoint {
  return {
    endpoint: one.endpoint,
    family: one.family,
    ready: one.ready || other.ready,
    local: one.local || other.local,
    nodeHint: bestHint(one.nodeHint, other.nodeHint),
    zoneHint: bestHint(one.zoneHint, other.zoneHint),
  };
}

function bestHint(one: Hinted, other: Hinted): Hinted {
  if (one === 'here' || other === 'here') return 'here';
  return one === 'others' ? one : other;
}

function byKey(one: CandidateEndpoint, other: CandidateEndpoint): number {
  return one.endpoint.key < other.endpoint.key ? -1 : 1;
}

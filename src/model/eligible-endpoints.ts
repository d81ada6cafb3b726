import type { IPFamily } from './address.js';
import { type CandidateEndpoint, candidateEndpoints } from './candidate-endpoint.js';
import type { Endpoint } from './endpoint.js';
import type { EndpointSlice } from './endpoint-slice.js';
import type { NodeTopology } from './node.js';
import type { ServicePort, TrafficPolicy } from './service-port.js';
import { hintedForHere } from './topology-hints.js';

/**
 * Where the traffic of one service port may go now, and what a load balancer is told of it; each list without
 * duplicates and sorted by key.
 */
export interface ServicePortEndpoints {
  /** That to the ClusterIP. */
  readonly endpoints: readonly Endpoint[];
  /** That from outside of the cluster, where it follows another policy than that to the ClusterIP; else undefined. */
  readonly externalEndpoints: readonly Endpoint[] | undefined;
  /** The ready ones on the node, where the service port has a `healthCheckNodePort`; else undefined. */
  readonly readyLocalEndpoints: readonly Endpoint[] | undefined;
}

/**
 * The endpoints that may serve a service port on this node now, and those that a load balancer is told of.
 *
 * - Policy `Local` leaves only those on the node, maybe none: then the traffic is refused (KEP-2086 and
 *   https://kubernetes.io/docs/reference/networking/virtual-ips/#traffic-policies).
 * - Those of the Service's primary family are used; where none of them may serve, those of the other family are: a
 *   proxy in user space can cross families. Where no family is known all are used. This comes after `Local`, which
 *   forbids, and before readiness and hints, which prefer: they are judged among the endpoints of one family, as by
 *   kube-proxy, which runs once for each family.
 * - Ready ones serve; where none is ready, those that still serve while they terminate do (KEP-1669).
 * - Under policy `Cluster` the ready ones are narrowed to those whose hints name this node or its zone; see
 *   {@link hintedForHere} for when hints are followed.
 * - A load balancer is told of ready ones alone, also while none is left and those that terminate serve: it sends what
 *   is new to another node, and what still arrives here is served (KEP-1669; `getLocalReadyEndpointIPs` of kube-proxy).
 *
 * @param slices those of the Service, in any order.
 */
export function endpointsOf(
  servicePort: ServicePort,
  primaryFamily: IPFamily | null,
  slices: readonly EndpointSlice[],
  node: NodeTopology,
): ServicePortEndpoints {
  const candidates = candidateEndpoints(servicePort, slices, node);
  const { internalTrafficPolicy, externalTrafficPolicy, healthCheckNodePort } = servicePort;
  const isOther = isReachedFromOutside(servicePort) && internalTrafficPolicy !== externalTrafficPolicy;
  return {
    endpoints: usable(candidates, internalTrafficPolicy, primaryFamily),
    externalEndpoints: isOther ? usable(candidates, externalTrafficPolicy, primaryFamily) : undefined,
    readyLocalEndpoints: healthCheckNodePort === null ? undefined : readyLocal(candidates),
  };
}

function isReachedFromOutside({ nodePort, externalIPs, loadBalancerIPs }: ServicePort): boolean {
  return nodePort !== null || externalIPs.length > 0 || loadBalancerIPs.length > 0;
}

function readyLocal(candidates: readonly CandidateEndpoint[]): readonly Endpoint[] {
  return candidates.filter(({ ready, local }) => ready && local).map(({ endpoint }) => endpoint);
}

function usable(
  candidates: readonly CandidateEndpoint[],
  policy: TrafficPolicy,
  primaryFamily: IPFamily | null,
): readonly Endpoint[] {
  const left = narrowings(policy, primaryFamily).reduce((all, { keep }) => keep(all), candidates);
  return left.map(({ endpoint }) => endpoint);
}

/** Why traffic doesn't go to an endpoint: the step of the rules of {@link endpointsOf} that passed it over. */
export type PassedOver =
  /** It may not serve at all: not ready, and not one that still serves while it terminates. */
  | 'not-ready'
  /** Policy `Local`, and it is on another node, or nobody knows on which. */
  | 'other-node'
  /** Others are of the Service's primary family. */
  | 'other-family'
  /** It terminates, and others are ready. */
  | 'terminating'
  /** Hints name others for this node, or for its zone. */
  | 'hinted-elsewhere';

type Candidates = readonly CandidateEndpoint[];

/** The steps, in their order: what each leaves of the candidates, and why it passes over the others. */
export function narrowings(
  policy: TrafficPolicy,
  primaryFamily: IPFamily | null,
): readonly { readonly why: PassedOver; readonly keep: (candidates: Candidates) => Candidates }[] {
  return [
    { why: 'other-node', keep: (all) => (policy === 'Local' ? all.filter(({ local }) => local) : all) },
    {
      why: 'other-family',
      keep: (all) => someOrAll(all, ({ family }) => primaryFamily === null || family === primaryFamily),
    },
    { why: 'terminating', keep: (all) => someOrAll(all, ({ ready }) => ready) },
    {
      why: 'hinted-elsewhere',
      keep: (all) => (policy === 'Local' || !all.every(({ ready }) => ready) ? all : hintedForHere(all)),
    },
  ];
}

function someOrAll(all: Candidates, isPreferred: (candidate: CandidateEndpoint) => boolean): Candidates {
  const preferred = all.filter(isPreferred);
  return preferred.length === 0 ? all : preferred;
}

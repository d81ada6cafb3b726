import type { CandidateEndpoint } from './candidate-endpoint.js';

/**
 * Those of these ready endpoints that are meant for this node, else for its zone, else all of them.
 *
 * Node hints (`PreferSameNode`) come first, and zone hints after them; either kind is followed only where every ready
 * endpoint has one and one at least names this node, or its zone (KEP-2433 and
 * https://kubernetes.io/docs/reference/networking/virtual-ips/#traffic-distribution). Hints alone decide: as
 * kube-proxy since 1.33, which looks at no annotation of the Service (`service.kubernetes.io/topology-mode`), because
 * the control plane writes hints only where a Service asks for them.
 */
export function hintedForHere<Candidate extends Pick<CandidateEndpoint, 'nodeHint' | 'zoneHint'>>(
  ready: readonly Candidate[],
): readonly Candidate[] {
  for (const kind of ['nodeHint', 'zoneHint'] as const) {
    const here = ready.filter((candidate) => candidate[kind] === 'here');
    if (here.length > 0 && ready.every((candidate) => candidate[kind] !== 'nobody')) return here;
  }
  return ready;
}

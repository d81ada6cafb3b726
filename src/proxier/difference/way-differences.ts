import { parseCIDR } from '../../model/address.js';
import { holds } from '../../model/cidr-difference.js';
import { hostCIDR } from '../../steering/iptables/rule-text.js';
import type { KubeProxyRules } from '../../steering/kube-proxy-rules/kube-proxy-rules.js';
import { type ServedWay, type WayKey, wayKey } from '../../steering/kube-proxy-rules/served-way.js';
import type { WaysHere } from './ways-here.js';

/** What of a way in is another. */
export type Differing =
  | 'way'
  | 'service port'
  | 'outcome'
  | 'endpoints'
  | 'session affinity'
  | 'source ranges';

/** One thing that kube-proxy does in one manner, and kube-splice would do in another. */
export interface WayDifference extends WayKey {
  readonly servicePort: string;
  /** Null where neither side tells. */
  readonly kind: ServedWay['kind'];
  readonly differing: Differing;
  /** A word for each endpoint, range or other value; null where it doesn't have the way at all. */
  readonly kubeProxy: readonly string[] | null;
  readonly kubeSplice: readonly string[] | null;
  /** Why it is meant to be so; null for what should make you look. */
  readonly reason: string | null;
}

const REASONS = {
  sctp: 'SCTP is not proxied in user space',
  sourceRanges:
    "kube-proxy's userspace mode lets everybody in, kube-splice those that loadBalancerSourceRanges names",
  refused: 'kube-splice refuses at once what no endpoint on this node may take',
  direct: 'an endpoint itself is at this address: it gets what is sent there, without a rule',
} as const;

/**
 * How what kube-splice would do differs from what kube-proxy does, by service port. What the rules of one don't tell is not
 * compared, and nothing of a family whose rules were not read.
 */
export function wayDifferences(theirs: KubeProxyRules, here: WaysHere): readonly WayDifference[] {
  const ofKubeProxy = new Map(theirs.ways.map((way) => [wayKey(way), way]));
  const ofKubeSplice = new Map(
    here.ways.filter(({ family }) => theirs.families.includes(family)).map((way) => [wayKey(way), way]),
  );
  const differences: WayDifference[] = [];
  for (const [key, way] of ofKubeProxy) {
    const other = ofKubeSplice.get(key);
    if (other === undefined) {
      const reason = way.protocol === 'SCTP' ? REASONS.sctp : null;
      differences.push({
        ...placeOf(way),
        differing: 'way',
        kubeProxy: [way.outcome],
        kubeSplice: null,
        reason,
      });
    } else differences.push(...ofOneWay(way, other, theirs.mode, here.withoutRule.has(key)));
  }
  for (const [key, way] of ofKubeSplice)
    if (!ofKubeProxy.has(key))
      differences.push({
        ...placeOf(way),
        differing: 'way',
        kubeProxy: null,
        kubeSplice: [way.outcome],
        reason: null,
      });
  return differences.toSorted(byServicePort);
}

/** Of the same way. */
function ofOneWay(
  theirs: ServedWay,
  ours: ServedWay,
  mode: KubeProxyRules['mode'],
  isDirect: boolean,
): readonly WayDifference[] {
  const place = placeOf({ ...ours, kind: ours.kind ?? theirs.kind });
  const difference = (
    differing: Differing,
    kubeProxy: readonly string[],
    kubeSplice: readonly string[],
    reason: string | null = null,
  ): readonly WayDifference[] =>
    kubeProxy.join() === kubeSplice.join() ? [] : [{ ...place, differing, kubeProxy, kubeSplice, reason }];
  const isTold = mode === 'iptables' || theirs.outcome !== 'served';
  return [
    ...(theirs.servicePort === null || ours.servicePort === null
      ? []
      : difference('service port', [theirs.servicePort], [ours.servicePort])),
    // A portal of userspace mode takes a connection first, and closes it when there is no endpoint.
    ...(isTold
      ? difference(
          'outcome',
          [theirs.outcome],
          [ours.outcome],
          theirs.outcome === 'dropped' && ours.outcome === 'rejected' ? REASONS.refused : null,
        )
      : []),
    ...(theirs.endpoints === null || ours.endpoints === null
      ? []
      : difference('endpoints', theirs.endpoints, ours.endpoints, isDirect ? REASONS.direct : null)),
    ...(theirs.affinitySeconds === null || ours.affinitySeconds === null
      ? []
      : difference('session affinity', affinity(theirs.affinitySeconds), affinity(ours.affinitySeconds))),
    ...(theirs.outcome === 'served' && ours.outcome === 'served'
      ? difference(
          'source ranges',
          theirs.sourceRanges,
          ours.sourceRanges,
          mode === 'userspace' ? REASONS.sourceRanges : null,
        )
      : []),
  ];
}

function affinity(seconds: number): readonly string[] {
  return seconds === 0 ? [] : [`ClientIP ${seconds}s`];
}

function placeOf({ servicePort, kind, protocol, family, address, port }: ServedWay) {
  return { servicePort: servicePort ?? '', kind, protocol, family, address, port };
}

function byServicePort(one: WayDifference, other: WayDifference): number {
  if (one.servicePort === other.servicePort) return 0;
  return one.servicePort < other.servicePort ? -1 : 1;
}

/** How the addresses of NodePorts differ, a sentence; null where they don't, as far as is known. */
export function nodePortDifference(theirs: readonly string[] | null, ours: readonly string[]): string | null {
  const everywhere = ours.length === 0;
  if (theirs === null)
    return everywhere
      ? null
      : `NodePorts: kube-proxy has them on every address of the node, kube-splice on those in ${ours.join(', ')}`;
  if (everywhere)
    return `NodePorts: kube-proxy has them on ${theirs.join(', ') || 'no address'} alone, kube-splice on every address of the node; give --nodeport-addresses`;
  const missing = theirs.filter((address) => !isInOneOf(address, ours));
  return missing.length === 0
    ? null
    : `NodePorts: kube-proxy has them on ${missing.join(', ')}, which --nodeport-addresses leaves out`;
}

function isInOneOf(address: string, cidrs: readonly string[]): boolean {
  const own = parseCIDR(hostCIDR(address));
  return (
    own !== undefined &&
    cidrs.some((cidr) => {
      const range = parseCIDR(cidr);
      return range !== undefined && holds(range, own);
    })
  );
}

import type { IPFamily } from '../../model/address.js';
import type { ServiceState } from '../../model/service-state.js';
import {
  type KubeProxyRules,
  type ReadRules,
  readKubeProxyRules,
} from '../../steering/kube-proxy-rules/kube-proxy-rules.js';
import { nodePortDifference, type WayDifference, wayDifferences } from './way-differences.js';
import { waysHere } from './ways-here.js';

/** What `kube-splice diff` finds; as JSON it is printed just so. */
export interface DifferenceReport {
  readonly mode: KubeProxyRules['mode'];
  /** Programs or files that the rules were read from. */
  readonly rules: string;
  readonly families: readonly IPFamily[];
  /** How many ways in, and how many service ports, each side has. */
  readonly compared: {
    readonly kubeProxy: { readonly servicePorts: number; readonly ways: number };
    readonly kubeSplice: { readonly servicePorts: number; readonly ways: number };
  };
  readonly differences: readonly WayDifference[];
  /** How the addresses of NodePorts differ, a sentence; null where they don't. */
  readonly nodePortAddresses: string | null;
  /** What the rules don't tell, and so was not compared. */
  readonly notCompared: readonly string[];
  /** What is odd on either side, a sentence each. */
  readonly warnings: readonly string[];
}

/**
 * Compares what kube-proxy's rules on a host do with what kube-splice would do there.
 *
 * @param nodePortAddresses those that kube-splice would be given; empty for every address of the node.
 * @throws KubeSpliceError `KUBE_PROXY_RULES_MISSING`.
 */
export function differenceReport(
  read: ReadRules,
  state: ServiceState,
  nodePortAddresses: readonly string[],
): DifferenceReport {
  const theirs = readKubeProxyRules(read);
  const here = waysHere(state);
  const ofFamilies = here.ways.filter(({ family }) => theirs.families.includes(family));
  return {
    mode: theirs.mode,
    rules: read.where,
    families: theirs.families,
    compared: { kubeProxy: amounts(theirs.ways), kubeSplice: amounts(ofFamilies) },
    differences: wayDifferences(theirs, here),
    nodePortAddresses: nodePortDifference(theirs.nodePortAddresses, nodePortAddresses),
    notCompared: [
      ...(theirs.mode === 'userspace'
        ? ['endpoints and session affinity: the rules of userspace mode do not tell']
        : []),
      ...(ofFamilies.length < here.ways.length
        ? [`IPv${theirs.families.includes('IPv4') ? 6 : 4}: its rules were not given`]
        : []),
    ],
    warnings: [...theirs.warnings, ...here.conflicts],
  };
}

/** Whether there is anything that one does and the other doesn't. */
export function isDifferent({ differences, nodePortAddresses }: DifferenceReport): boolean {
  return differences.length > 0 || nodePortAddresses !== null;
}

function amounts(ways: readonly { readonly servicePort: string | null }[]) {
  const servicePorts = new Set(ways.map(({ servicePort }) => servicePort));
  return { servicePorts: servicePorts.size, ways: ways.length };
}

import { isLeafChain } from './leaf-chains.js';

/** The tables that have chains of ours, in the order in which they are written: what refuses first, then what steers. */
export const TABLES = ['filter', 'nat'] as const;
export type Table = (typeof TABLES)[number];

/**
 * The chains of ours and where they hang. Names, hooks and comments of the first five are those of kube-proxy's userspace
 * mode (`pkg/proxy/userspace/proxier.go`): operators and other tools know them. The others refuse what must not reach a
 * portal.
 *
 *     nat     PREROUTING ──▶ KUBE-PORTALS-CONTAINER   ClusterIPs, external IPs, load-balancer IPs, from pods and outside
 *                      └───▶ KUBE-NODEPORT-CONTAINER  NodePorts, from pods and outside; the last rule
 *             OUTPUT ──────▶ KUBE-PORTALS-HOST        the same, from the node itself
 *                      └───▶ KUBE-NODEPORT-HOST
 *     filter  INPUT ──┬────▶ KUBE-PORTALS-GUARD ──────┬▶ KUBE-PORTALS-REFUSED   straight to a portal, from off the node
 *                     └────▶ KUBE-PORTALS-GUARD-UDP ──┘
 *                      ├───▶ KUBE-PORTALS-REJECT                           without endpoints, or from a forbidden source
 *                      └───▶ KUBE-NODEPORT-NON-LOCAL                       steered from a NodePort: accepted
 *             FORWARD, OUTPUT ──▶ KUBE-PORTALS-REJECT
 */
export const CHAINS = {
  nat: ['KUBE-PORTALS-CONTAINER', 'KUBE-PORTALS-HOST', 'KUBE-NODEPORT-CONTAINER', 'KUBE-NODEPORT-HOST'],
  filter: [
    'KUBE-PORTALS-REFUSED',
    'KUBE-PORTALS-GUARD',
    'KUBE-PORTALS-GUARD-UDP',
    'KUBE-PORTALS-REJECT',
    'KUBE-NODEPORT-NON-LOCAL',
  ],
} as const satisfies Record<Table, readonly string[]>;

export type Chain = (typeof CHAINS)[Table][number];

/** Holds for a moment, at the start, one rule of each kind: whether the kernel takes them. Nothing jumps to it. */
export const PROBE_CHAIN = 'KUBE-PORTALS-PROBE';

const NAMED: ReadonlySet<string> = new Set([...CHAINS.nat, ...CHAINS.filter, PROBE_CHAIN]);

/** Whether a chain of this name is ever made here. */
export function isOurChain(name: string): boolean {
  return NAMED.has(name) || isLeafChain(name);
}

/** What is written beside a rule, where the kernel has comments. */
export const COMMENTS = {
  portals: 'handle ClusterIPs; NOTE: this must be before the NodePort rules',
  nodePorts: 'handle service NodePorts; NOTE: this must be the last rule in the chain',
  nonLocal: 'Ensure that non-local NodePort traffic can flow',
  guard: 'portals are for traffic of Services only',
  reject: 'what no portal may get',
  refused: 'sent straight to a portal',
} as const;

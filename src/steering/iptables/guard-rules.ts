import { type IPFamily, isLoopback } from '../../model/address.js';
import type { Protocol } from '../../model/service-port.js';
import type { GuardedPortal } from '../steering.js';
import { type Chain, COMMENTS } from './chains.js';
import { groupPorts } from './guard-ports.js';
import type { ChainRule, RuleContext } from './redirect-rules.js';
import { commentText } from './rule-text.js';

const PROTOCOLS: readonly Protocol[] = ['TCP', 'UDP'];

/** The chain that has the ports of each protocol. */
export const GUARDS = {
  TCP: 'KUBE-PORTALS-GUARD',
  UDP: 'KUBE-PORTALS-GUARD-UDP',
} as const satisfies Record<Protocol, Chain>;

/** The ports of each protocol, as the rules of the guard have them together. */
export type GuardGroups = Readonly<Record<Protocol, readonly (readonly number[])[]>>;

export const NO_GROUPS: GuardGroups = { TCP: [], UDP: [] };

/** The ports of the portals that this family reaches, in the groups that they were in as far as they may. */
export function guardGroups(
  portals: readonly GuardedPortal[],
  { family, has }: RuleContext,
  before: GuardGroups,
): GuardGroups {
  const ports = { TCP: new Set<number>(), UDP: new Set<number>() };
  // Whether a packet was steered is what conntrack knows: without it, all would be refused.
  if (has.conntrack)
    for (const { protocol, address, port } of portals)
      if (isGuarded(address, family)) ports[protocol].add(port);
  return { TCP: groupPorts(before.TCP, ports.TCP), UDP: groupPorts(before.UDP, ports.UDP) };
}

/** What is sent straight to a portal by whoever is not on the node is refused: reset, or for UDP dropped. */
export function guardRules(groups: GuardGroups, { has }: RuleContext): readonly ChainRule[] {
  const rules: ChainRule[] = [];
  for (const protocol of PROTOCOLS) {
    const name = protocol.toLowerCase();
    for (const group of groups[protocol]) {
      const matches = has.multiport
        ? [`-m multiport --dports ${group.join(',')}`]
        : group.map((port) => `-m ${name} --dport ${port}`);
      for (const match of matches)
        rules.push([GUARDS[protocol], `-A ${GUARDS[protocol]} -p ${name} ${match} -j KUBE-PORTALS-REFUSED`]);
    }
  }
  const comment = commentText(COMMENTS.refused, has);
  const reset = has.reject ? 'REJECT --reject-with tcp-reset' : 'DROP';
  rules.push(['KUBE-PORTALS-REFUSED', `-A KUBE-PORTALS-REFUSED -p tcp${comment} -j ${reset}`]);
  rules.push(['KUBE-PORTALS-REFUSED', `-A KUBE-PORTALS-REFUSED -p udp${comment} -j DROP`]);
  return rules;
}

/** The groups that such rules were made of. */
export function groupsOfRules(rules: Iterable<string>): GuardGroups {
  const groups = { TCP: [] as number[][], UDP: [] as number[][] };
  for (const rule of rules) {
    const found = /^-A KUBE-PORTALS-GUARD(?:-UDP)? -p (tcp|udp) .*--dports? ([\d,]+)/.exec(rule);
    if (found !== null)
      groups[found[1] === 'tcp' ? 'TCP' : 'UDP'].push((found[2] ?? '').split(',').map(Number));
  }
  return groups;
}

/** Whether a portal that listens there is reached by packets of this family from off the node. */
export function isGuarded(address: string, family: IPFamily): boolean {
  if (address === '::') return true;
  return !isLoopback(address) && address.includes(':') === (family === 'IPv6');
}

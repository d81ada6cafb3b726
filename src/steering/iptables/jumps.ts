import { COMMENTS, isOurChain, type Table } from './chains.js';
import { nodePortDestinations, type RuleContext } from './redirect-rules.js';
import { commentText, ruleText } from './rule-text.js';
import type { SavedTable } from './saved-rules.js';

/** What a built-in chain has of ours: rules that go before everything else when they are written, and after it. */
export interface Jumps {
  readonly first: readonly string[];
  readonly last: readonly string[];
}

export type JumpsOfTable = ReadonlyMap<string, Jumps>;

/** The rules that lead from the built-in chains of a table to those of ours. */
export function jumpsOf(table: Table, context: RuleContext): JumpsOfTable {
  return table === 'nat' ? natJumps(context) : filterJumps(context);
}

/** Portals come before NodePorts: an address of a load balancer may be local, and its port be that of another NodePort. */
function natJumps(context: RuleContext): JumpsOfTable {
  const hook = (builtIn: string, portals: string, nodePorts: string): [string, Jumps] => [
    builtIn,
    {
      first: [ruleText(builtIn, { comment: COMMENTS.portals }, portals, context.has)],
      last: nodePortJumps(builtIn, nodePorts, context),
    },
  ];
  return new Map([
    hook('PREROUTING', 'KUBE-PORTALS-CONTAINER', 'KUBE-NODEPORT-CONTAINER'),
    hook('OUTPUT', 'KUBE-PORTALS-HOST', 'KUBE-NODEPORT-HOST'),
  ]);
}

function nodePortJumps(
  builtIn: string,
  chain: string,
  { family, place, has }: RuleContext,
): readonly string[] {
  const comment = commentText(COMMENTS.nodePorts, has);
  return nodePortDestinations(family, place, has).map(({ destination, toLocalAddress }) => {
    const local = toLocalAddress === true ? ' -m addrtype --dst-type LOCAL' : '';
    // kube-proxy's own order: the comment behind the match.
    return ruleText(builtIn, { destination }, `${chain}`, has).replace(/ -j /, `${local}${comment} -j `);
  });
}

function filterJumps({ has }: RuleContext): JumpsOfTable {
  const reject = (builtIn: string): string => {
    const state = has.conntrack ? ' -m conntrack --ctstate NEW' : has.state ? ' -m state --state NEW' : '';
    return `-A ${builtIn}${state}${commentText(COMMENTS.reject, has)} -j KUBE-PORTALS-REJECT`;
  };
  // Not steered, nor of a connection that was: what is left was sent straight to a port of the node.
  const guard = (match: string, states: string, chain: string): string =>
    `-A INPUT ! -i lo ${match} -m conntrack ! --ctstate ${states}${commentText(COMMENTS.guard, has)} -j ${chain}`;
  const guards = [
    guard('-p tcp', 'RELATED,ESTABLISHED,DNAT', 'KUBE-PORTALS-GUARD'),
    // Every datagram: one that got through before there was a rule, and was answered, has made a flow that counts as
    // established for as long as its client goes on.
    guard('-p udp', 'DNAT', 'KUBE-PORTALS-GUARD-UDP'),
  ];
  const nonLocal = ruleText('INPUT', { comment: COMMENTS.nonLocal }, 'KUBE-NODEPORT-NON-LOCAL', has);
  const inOrder = (...first: readonly string[]): Jumps => ({ first, last: [] });
  return new Map([
    ['INPUT', inOrder(...(has.conntrack ? guards : []), reject('INPUT'), nonLocal)],
    ['FORWARD', inOrder(reject('FORWARD'))],
    ['OUTPUT', inOrder(reject('OUTPUT'))],
  ]);
}

/** The chains of ours that rules of others lead to: rules that are neither in our chains nor where our own jumps are. */
export function chainsLedTo(saved: SavedTable, jumps: JumpsOfTable): ReadonlySet<string> {
  const ledTo = new Set<string>();
  for (const [chain, rules] of saved) {
    if (isOurChain(chain) || jumps.has(chain)) continue;
    for (const behind of rules.map(chainBehind)) if (behind !== undefined) ledTo.add(behind);
  }
  return ledTo;
}

/** Whether a rule leads to a chain of ours. */
export function isOurJump(rule: string): boolean {
  const chain = chainBehind(rule);
  return chain !== undefined && isOurChain(chain);
}

/** The chain, or the verdict, that a rule leads to: not one that a comment speaks of. */
export function chainBehind(rule: string): string | undefined {
  const unquoted = rule.includes('"') ? rule.replace(/"(?:[^"\\]|\\.)*"/g, '""') : rule;
  return / -[jg] (\S+)/.exec(unquoted)?.[1];
}

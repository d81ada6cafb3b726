import { parseAddress } from '../../model/address.js';
import { type EndpointKey, hostPort } from '../../model/endpoint.js';
import { hostCIDR } from '../iptables/rule-text.js';
import type { SavedTable } from '../iptables/saved-rules.js';
import type { RuleSave } from './rule-save.js';
import { type KubeProxyRule, rulesOfChain, servicePortOfComment } from './saved-rule.js';
import { firstOfEach, type ServedWay } from './served-way.js';

/**
 * What kube-proxy's rules of iptables mode do with what comes from outside of the node, read as the kernel would:
 *
 *     nat     KUBE-SERVICES ──▶ KUBE-SVC-…, KUBE-SVL-…  ClusterIP              ──▶ KUBE-SEP-… ──▶ DNAT
 *                       ├─────▶ KUBE-EXT-…, KUBE-XLB-…  ExternalIP             ──▶ KUBE-SVC-…, KUBE-SVL-…
 *                       ├─────▶ KUBE-FW-…               LoadBalancer, by source ──▶ KUBE-EXT-…
 *                       └─────▶ KUBE-NODEPORTS          NodePort               ──▶ KUBE-EXT-…
 *     filter  KUBE-SERVICES, KUBE-EXTERNAL-SERVICES     what has no endpoints: REJECT, DROP
 *
 * The chains are those of 1.19 to 1.32 (pkg/proxy/iptables/proxier.go of Kubernetes): until 1.23 `KUBE-XLB-…` was for what is `KUBE-EXT-…`
 * now, and what no endpoint takes was marked for a drop.
 */
export function waysOfIptablesMode({ family, tables }: RuleSave): readonly ServedWay[] {
  const nat = tables.get('nat');
  const filter = tables.get('filter');
  const served = (rule: KubeProxyRule): readonly ServedWay[] => {
    if (!SERVICE_CHAIN.test(rule.jump)) return [];
    const way = wayOf(rule, family);
    return way === null ? [] : [{ ...way, ...followed(nat, rule.jump, way.address) }];
  };
  const refused = (rule: KubeProxyRule): readonly ServedWay[] => {
    const outcome = REFUSALS.get(rule.jump);
    const way = wayOf(rule, family);
    if (outcome === undefined || way === null) return [];
    return [{ ...way, outcome, endpoints: null, affinitySeconds: null, sourceRanges: [] }];
  };
  return firstOfEach([
    ...rulesOfChain(nat, 'KUBE-SERVICES').flatMap(served),
    ...rulesOfChain(nat, 'KUBE-NODEPORTS').flatMap(served),
    ...rulesOfChain(filter, 'KUBE-SERVICES').flatMap(refused),
    ...rulesOfChain(filter, 'KUBE-EXTERNAL-SERVICES').flatMap(refused),
  ]);
}

/**
 * The addresses of the node that NodePorts are on (`--nodeport-addresses`), sorted; null where they are on all of them.
 */
export function nodePortAddressesOf({ tables }: RuleSave): readonly string[] | null {
  const leading = rulesOfChain(tables.get('nat'), 'KUBE-SERVICES').filter(
    ({ jump }) => jump === 'KUBE-NODEPORTS',
  );
  if (leading.some(({ isToNode }) => isToNode)) return null;
  return leading.flatMap(({ destination }) => destination ?? []).toSorted();
}

const SERVICE_CHAIN = /^KUBE-(SVC|SVL|EXT|XLB|FW)-/;
const REFUSALS: ReadonlyMap<string, 'rejected' | 'dropped'> = new Map([
  ['REJECT', 'rejected'],
  ['DROP', 'dropped'],
]);

type Way = Pick<ServedWay, 'servicePort' | 'kind' | 'protocol' | 'family' | 'address' | 'port'>;

/** Null for a rule that is not for one port of one address, or of the node. */
function wayOf(rule: KubeProxyRule, family: RuleSave['family']): Way | null {
  const { protocol, destination, port, comment } = rule;
  if (protocol === null || port === null) return null;
  const servicePort = servicePortOfComment(comment);
  return { servicePort, kind: kindOf(rule), protocol, family, address: destination, port };
}

function kindOf({ destination, comment, jump }: KubeProxyRule): ServedWay['kind'] {
  if (destination === null) return 'NodePort';
  if (jump.startsWith('KUBE-FW-') || / load ?balancer IP$/i.test(comment ?? '')) return 'LoadBalancer';
  if (/ external IP$/.test(comment ?? '')) return 'ExternalIP';
  return / cluster IP$/.test(comment ?? '') ? 'ClusterIP' : null;
}

type Service = Pick<ServedWay, 'outcome' | 'endpoints' | 'affinitySeconds' | 'sourceRanges'>;

/** Where a chain leads what is sent to it. */
function followed(nat: SavedTable | undefined, chain: string, address: string | null): Service {
  const walk: Walk = { nat, seen: new Set(), endpoints: new Set(), affinity: 0, isDropped: false };
  const sourceRanges = chain.startsWith('KUBE-FW-') ? sourcesOf(nat, chain, address) : [];
  follow(chain, walk);
  const { endpoints, affinity, isDropped } = walk;
  if (endpoints.size === 0)
    return {
      outcome: isDropped ? 'dropped' : 'unserved',
      endpoints: null,
      affinitySeconds: null,
      sourceRanges,
    };
  return {
    outcome: 'served',
    endpoints: [...endpoints].toSorted(),
    affinitySeconds: affinity,
    sourceRanges,
  };
}

interface Walk {
  readonly nat: SavedTable | undefined;
  /** Chains are followed once: what is in a file may lead in circles. */
  readonly seen: Set<string>;
  readonly endpoints: Set<EndpointKey>;
  affinity: number;
  isDropped: boolean;
}

function follow(chain: string, walk: Walk): void {
  if (walk.seen.has(chain)) return;
  walk.seen.add(chain);
  // Of these chains, rules with a source are for pods of this node: they are not kept to its endpoints.
  const isExternal = /^KUBE-(EXT|XLB)-/.test(chain);
  for (const rule of rulesOfChain(walk.nat, chain)) {
    if (rule.isFromNode || (isExternal && rule.source !== null)) continue;
    if (rule.recentSeconds !== null) {
      // Who was here before; everybody else comes by another rule.
      walk.affinity = rule.recentSeconds;
      continue;
    }
    if (rule.jump === 'DNAT') addEndpoint(rule.toDestination, walk.endpoints);
    else if (rule.jump === 'KUBE-MARK-DROP' || rule.jump === 'DROP') walk.isDropped = true;
    else if (SERVICE_CHAIN.test(rule.jump) || rule.jump.startsWith('KUBE-SEP-')) follow(rule.jump, walk);
  }
}

function addEndpoint(destination: string | null, endpoints: Set<EndpointKey>): void {
  const [, address = '', port = ''] = /^\[?([^\]]*?)\]?:(\d+)$/.exec(destination ?? '') ?? [];
  const parsed = parseAddress(address);
  if (parsed !== undefined) endpoints.add(hostPort(parsed.address, Number(port)));
}

/**
 * Whom a chain of a load balancer lets in, sorted; empty for everyone. Its own address may be among them, for a node that has that address
 * itself: nobody else sends from it.
 */
function sourcesOf(nat: SavedTable | undefined, chain: string, address: string | null): readonly string[] {
  const leading = rulesOfChain(nat, chain).filter(({ jump }) => SERVICE_CHAIN.test(jump));
  if (leading.some(({ source }) => source === null)) return [];
  const itself = address === null ? null : hostCIDR(address);
  const sources = leading.flatMap(({ source }) => source ?? []).filter((source) => source !== itself);
  return [...new Set(sources)].toSorted();
}

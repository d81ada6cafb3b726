import { type CIDR, cidrsOfFamily, type IPFamily, isLoopback, parseCIDR } from '../../model/address.js';
import { cidrWithout, holds } from '../../model/cidr-difference.js';
import type { Redirect, RedirectTo, SteeringPlace } from '../steering.js';
import type { Chain } from './chains.js';
import { type Capabilities, hostCIDR, isEveryone, type Match, type Matched, ruleText } from './rule-text.js';

/** A rule, and the chain it is in. */
export type ChainRule = readonly [Chain, string];

/** What the rules of one family are made for. */
export interface RuleContext {
  readonly family: IPFamily;
  readonly place: SteeringPlace;
  readonly has: Capabilities;
}

/**
 * The rules that bring about one redirect. No two of them are for the same packet, so that their order in a chain means
 * nothing, and one can be added or removed without the others.
 */
export function rulesOfRedirect(redirect: Redirect, context: RuleContext): readonly ChainRule[] {
  return [...steeringRules(redirect, context), ...refusingRules(redirect, context)];
}

interface Branch {
  readonly sources: readonly (Matched | undefined)[];
  readonly to: RedirectTo;
}

const EVERYONE: readonly undefined[] = [undefined];

function* steeringRules(redirect: Redirect, context: RuleContext): Generator<ChainRule, undefined> {
  const isNodePort = redirect.kind === 'NodePort';
  const match = matchOf(redirect);
  for (const { sources, to } of branches(redirect, context)) {
    const verdict = steered(to, context) ? fromElsewhere(to) : null;
    const chain = isNodePort ? 'KUBE-NODEPORT-CONTAINER' : 'KUBE-PORTALS-CONTAINER';
    if (verdict !== null)
      for (const source of sources)
        yield [chain, ruleText(chain, { ...match, source }, verdict, context.has)];
  }
  // The node itself may use every address of its own Services, wherever others must come from.
  const own = redirect.fromNode ?? redirect;
  if (steered(own, context)) {
    const chain = isNodePort ? 'KUBE-NODEPORT-HOST' : 'KUBE-PORTALS-HOST';
    yield [chain, ruleText(chain, match, fromNodeItself(own, context), context.has)];
  }
  if (isNodePort) yield* acceptingRules(redirect, context);
}

/** Where packets from elsewhere than the node itself go, by their source. */
function branches(redirect: Redirect, { family, place }: RuleContext): readonly Branch[] {
  const { sourceRanges, fromNode } = redirect;
  const [pods] = cidrsOfFamily(place.clusterCIDRs, family);
  const isLimited = sourceRanges.length > 0;
  const ranges = cidrsOfFamily(sourceRanges, family);
  if (fromNode === null || pods === undefined) {
    return [{ sources: isLimited ? ranges.map(inside) : EVERYONE, to: redirect }];
  }
  if (!isLimited) {
    const others = isEveryone(pods.cidr) ? [] : [{ cidr: pods.cidr, not: true }];
    return [
      { sources: [inside(pods)], to: fromNode },
      { sources: others, to: redirect },
    ];
  }
  return [
    { sources: ranges.flatMap((range) => common(range, pods)).map(inside), to: fromNode },
    {
      sources: ranges.flatMap((range) => cidrWithout(range, pods)).map((cidr) => ({ cidr, not: false })),
      to: redirect,
    },
  ];
}

function inside({ cidr }: CIDR): Matched {
  return { cidr, not: false };
}

function common(a: CIDR, b: CIDR): readonly CIDR[] {
  if (holds(a, b)) return [b];
  return holds(b, a) ? [a] : [];
}

/** `KUBE-NODEPORT-NON-LOCAL`: what was steered from a NodePort may come in, also where others must not. */
function* acceptingRules(redirect: Redirect, context: RuleContext): Generator<ChainRule, undefined> {
  const { protocol, servicePort, fromNode } = redirect;
  const { has } = context;
  const chain = 'KUBE-NODEPORT-NON-LOCAL';
  const portals = [redirect, ...(fromNode === null ? [] : [fromNode])].filter((to) => steered(to, context));
  for (const port of new Set(portals.map(({ portal }) => portal.port))) {
    const state = has.state ? '-m state --state NEW ' : has.conntrack ? '-m conntrack --ctstate NEW ' : '';
    const text = ruleText(chain, { protocol, comment: servicePort, port }, 'ACCEPT', has);
    yield [chain, text.replace(/-j ACCEPT$/, `${state}-j ACCEPT`)];
  }
}

/**
 * What is not steered, though it is for a Service: refused where nothing serves it, dropped where its source is not
 * allowed. What was steered has another destination by then.
 */
function* refusingRules(redirect: Redirect, context: RuleContext): Generator<ChainRule, undefined> {
  const { family, place, has } = context;
  const isForbidden = redirect.sourceRanges.length > 0;
  if (steered(redirect, context) && !isForbidden) return;
  const chain = 'KUBE-PORTALS-REJECT';
  const verdict = redirect.verdict === 'reject' && has.reject ? rejection(redirect.protocol, family) : 'DROP';
  const why = steered(redirect, context) ? 'allows other sources only' : 'has no endpoints';
  const match = { ...matchOf(redirect), comment: `${redirect.servicePort} ${why}` };
  if (redirect.kind !== 'NodePort') {
    yield [chain, ruleText(chain, match, verdict, has)];
    return;
  }
  for (const destination of nodePortDestinations(family, place, has))
    yield [chain, ruleText(chain, { ...match, ...destination }, verdict, has)];
}

/** Where packets to NodePorts go: what the rules of NodePorts are reached by. */
export function nodePortDestinations(
  family: IPFamily,
  place: SteeringPlace,
  has: Capabilities,
): readonly Pick<Match, 'destination' | 'toLocalAddress'>[] {
  const cidrs = cidrsOfFamily(place.nodePortAddresses, family);
  // Given for the other family only: there are none in this one.
  if (cidrs.length === 0 && place.nodePortAddresses.length > 0) return [];
  const everywhere = cidrs.length === 0 || cidrs.some(({ cidr }) => isEveryone(cidr));
  if (has.addrtype) {
    if (everywhere) return [{ toLocalAddress: true }];
    return cidrs.map(({ cidr }) => ({ destination: cidr, toLocalAddress: true }));
  }
  const addresses = place.localAddresses(family);
  return addresses
    .map((address) => parseCIDR(hostCIDR(address)))
    .filter((local): local is CIDR => local !== undefined)
    .filter((local) => everywhere || cidrs.some((cidr) => holds(cidr, local)))
    .map(({ cidr }) => ({ destination: cidr }));
}

/** Where nothing can be rejected, a portal without endpoints does it: it resets what it accepts. */
function steered({ verdict }: RedirectTo, { has }: RuleContext): boolean {
  return verdict === 'redirect' || (verdict === 'reject' && !has.reject);
}

function matchOf({ kind, address, protocol, servicePort, port }: Redirect): Match {
  const common = { protocol, comment: servicePort, port };
  return kind === 'NodePort' || address === null ? common : { destination: hostCIDR(address), ...common };
}

/**
 * REDIRECT sends to the address of the interface that a packet came in by. Null where the portal listens on loopback: the
 * kernel drops what comes from elsewhere and goes there, and `route_localnet`, which allows it, would open all of loopback.
 */
function fromElsewhere({ portal }: RedirectTo): string | null {
  if (isLoopback(portal.address)) return null;
  return isUnspecified(portal.address)
    ? `REDIRECT --to-ports ${portal.port}`
    : `DNAT --to-destination ${hostPort(portal.address, portal.port)}`;
}

/** What comes from the node itself has no interface that it came in by: it goes to the node's address. */
function fromNodeItself({ portal }: RedirectTo, { family, place }: RuleContext): string {
  const address = isUnspecified(portal.address) ? place.nodeAddress(family) : portal.address;
  return address === null
    ? `REDIRECT --to-ports ${portal.port}`
    : `DNAT --to-destination ${hostPort(address, portal.port)}`;
}

function rejection(protocol: Redirect['protocol'], family: IPFamily): string {
  if (protocol === 'TCP') return 'REJECT --reject-with tcp-reset';
  return `REJECT --reject-with ${family === 'IPv4' ? 'icmp' : 'icmp6'}-port-unreachable`;
}

function hostPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function isUnspecified(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}

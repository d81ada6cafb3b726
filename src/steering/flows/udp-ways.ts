import type { IPFamily } from '../../model/address.js';
import { IP_FAMILIES, type Redirect, type SteeringState } from '../steering.js';

/** An address and port that UDP clients send to; that of a NodePort has a family in place of an address. */
export type UdpWayKey = `${string} ${number}`;

export interface UdpWay {
  readonly family: IPFamily;
  /** Ports of the portals that its traffic may go to; none where it is rejected or dropped. */
  readonly portalPorts: readonly number[];
  /** CIDRs that may use it; empty means everyone. */
  readonly sourceRanges: readonly string[];
}

/** What steering does to UDP. */
export interface UdpWays {
  readonly ways: ReadonlyMap<UdpWayKey, UdpWay>;
  /** Ports of all open portals for UDP. */
  readonly portalPorts: ReadonlySet<number>;
}

/** Nothing that was or is to be steered. */
export const NO_UDP_WAYS: UdpWays = { ways: new Map(), portalPorts: new Set() };

/** @param address null for a NodePort. */
export function udpWayKey(family: IPFamily, address: string | null, port: number): UdpWayKey {
  return `${address ?? family} ${port}`;
}

/** The part of a state that is about UDP. */
export function udpWaysOf({ redirects, portals }: SteeringState): UdpWays {
  const ways = new Map<UdpWayKey, UdpWay>();
  for (const redirect of redirects) {
    if (redirect.protocol !== 'UDP') continue;
    const { family, address, port, sourceRanges } = redirect;
    ways.set(udpWayKey(family, address, port), {
      family,
      portalPorts: portalPortsOf(redirect),
      sourceRanges,
    });
  }
  const ofUdp = portals.filter(({ protocol }) => protocol === 'UDP');
  return { ways, portalPorts: new Set(ofUdp.map(({ port }) => port)) };
}

/**
 * Whether two states may differ in UDP. Redirects keep their identity as long as nothing of them changes: a change of TCP
 * alone is found to be that without working out any ways.
 */
export function mayDifferInUdp(before: SteeringState, after: SteeringState): boolean {
  return (
    before.portals !== after.portals ||
    hasOtherUdp(before.redirects, after.redirects) ||
    hasOtherUdp(after.redirects, before.redirects)
  );
}

function hasOtherUdp(known: readonly Redirect[], redirects: readonly Redirect[]): boolean {
  if (known === redirects) return false;
  const same = new Set(known);
  return redirects.some((redirect) => redirect.protocol === 'UDP' && !same.has(redirect));
}

/** Whether no flow can be stale that was not before: then nobody needs to look. */
export function sameUdpWays(one: UdpWays, other: UdpWays): boolean {
  if (one.ways.size !== other.ways.size || one.portalPorts.size !== other.portalPorts.size) return false;
  for (const port of one.portalPorts) if (!other.portalPorts.has(port)) return false;
  for (const [key, way] of one.ways) {
    const beside = other.ways.get(key);
    if (beside === undefined || !sameItems(way.portalPorts, beside.portalPorts)) return false;
    if (!sameItems(way.sourceRanges, beside.sourceRanges)) return false;
  }
  return true;
}

/** The ways that no flow may go on with: those that are gone, and those that other clients may use from now on. */
export function endedWays(before: UdpWays, after: UdpWays): ReadonlyMap<UdpWayKey, UdpWay> {
  const ended = new Map<UdpWayKey, UdpWay>();
  for (const [key, way] of before.ways) {
    const now = after.ways.get(key);
    if (now === undefined || !sameItems(now.sourceRanges, way.sourceRanges)) ended.set(key, way);
  }
  return ended;
}

/** The families that there are ways of. */
export function familiesOf(ways: Iterable<UdpWay>): readonly IPFamily[] {
  const found = new Set<IPFamily>();
  for (const { family } of ways) found.add(family);
  return IP_FAMILIES.filter((family) => found.has(family));
}

/** Which of the two portals a client's is depends on where it is: both are right. */
function portalPortsOf(redirect: Redirect): readonly number[] {
  return [redirect, redirect.fromNode].flatMap((to) => (to?.verdict === 'redirect' ? [to.portal.port] : []));
}

function sameItems<T>(one: readonly T[], other: readonly T[]): boolean {
  return one.length === other.length && one.every((item, index) => item === other[index]);
}

import type { FlowGroup } from './conntrack-dump.js';
import { type UdpWay, type UdpWayKey, type UdpWays, udpWayKey } from './udp-ways.js';

/** What flows are judged by. */
export interface FlowJudgement {
  /** What steering does to UDP now. */
  readonly ways: UdpWays;
  /** The keys of the ways that no flow may go on with, whatever portal it goes to. */
  readonly ended: ReadonlySet<UdpWayKey>;
  /** Whether an address is one of the node's. */
  readonly isLocal: (address: string) => boolean;
}

/**
 * The flows that go where steering no longer sends them. The kernel translates the first packet of a flow by the rules,
 * and the others as that one, for as long as the client goes on sending from the same port (`nf_nat_inet_fn` of
 * net/netfilter/nf_nat_core.c).
 *
 *     flow of a way in            translated                     not translated
 *     ──────────────────────────  ─────────────────────────────  ─────────────────────────────────
 *     that leads to a portal      stale unless it goes there     stale: it is from before the rule
 *     rejected or dropped         stale                          nothing went through
 *     gone, or for others now     stale                          not ours
 *     none of ours                stale if it goes to a portal   not ours: maybe straight to a portal
 *
 * It depends on where flows were sent and where they go, never on their clients: a group is stale, or nothing of it.
 */
export function staleFlows(
  groups: readonly FlowGroup[],
  { ways, ended, isLocal }: FlowJudgement,
): readonly FlowGroup[] {
  return groups.filter((group) => {
    const keys = wayKeysOf(group, isLocal);
    const way = wayOf(keys, ways);
    const goesTo = (ports: { has(port: number): boolean }): boolean =>
      isLocal(group.goesTo.address) && ports.has(group.goesTo.port);
    if (isTranslated(group)) {
      if (keys.some((key) => ended.has(key))) return true;
      return way === undefined ? goesTo(ways.portalPorts) : !goesTo(new Set(way.portalPorts));
    }
    // In a zone apart it may be a second record of a flow that is translated in another one.
    if (way === undefined || way.portalPorts.length === 0 || group.isZoned) return false;
    // Where a portal has the port of its way, on an address of the node, a flow looks the same with a rule as without.
    return !goesTo(new Set(way.portalPorts));
  });
}

/** Whether they go elsewhere than where they were sent. */
function isTranslated({ sentTo, goesTo }: FlowGroup): boolean {
  return sentTo.address !== goesTo.address || sentTo.port !== goesTo.port;
}

/** The way of the address itself, and that of a NodePort where the address is the node's. */
function wayKeysOf({ family, sentTo }: FlowGroup, isLocal: (address: string) => boolean): UdpWayKey[] {
  const ofAddress = udpWayKey(family, sentTo.address, sentTo.port);
  return isLocal(sentTo.address) ? [ofAddress, udpWayKey(family, null, sentTo.port)] : [ofAddress];
}

function wayOf(keys: readonly UdpWayKey[], { ways }: UdpWays): UdpWay | undefined {
  for (const key of keys) {
    const way = ways.get(key);
    if (way !== undefined) return way;
  }
  return undefined;
}

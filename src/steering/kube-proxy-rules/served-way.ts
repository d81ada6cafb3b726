import type { IPFamily } from '../../model/address.js';
import type { EndpointKey } from '../../model/endpoint.js';
import type { Protocol } from '../../model/service-port.js';
import type { Redirect } from '../steering.js';

/** What becomes of traffic: it goes to an endpoint, it is refused at once, it is dropped; or nothing is there that would take it. */
export type Outcome = 'served' | 'rejected' | 'dropped' | 'unserved';

/** Where clients send to: two proxies that serve the same ways, and each in the same manner, can't be told apart. */
export interface WayKey {
  readonly protocol: Protocol | 'SCTP';
  /** Of `address`; for a NodePort, of the addresses of the node that it is on. */
  readonly family: IPFamily;
  /** In canonical text; null for a NodePort. */
  readonly address: string | null;
  readonly port: number;
}

/** One way in, and what a proxy does with what comes by it from outside of the node. */
export interface ServedWay extends WayKey {
  /** Null where the rules don't tell. */
  readonly servicePort: string | null;
  /** Null where the rules don't tell. */
  readonly kind: Redirect['kind'] | null;
  readonly outcome: Outcome;
  /** Sorted. Null where the rules don't tell, as those of a proxy in user space; and where it isn't served. */
  readonly endpoints: readonly EndpointKey[] | null;
  /** How long a client keeps its endpoint; 0 for no affinity. Null where the rules don't tell. */
  readonly affinitySeconds: number | null;
  /** CIDRs that may use it, sorted; empty means everyone. */
  readonly sourceRanges: readonly string[];
}

/** The same for two that are the same way in. */
export function wayKey({ protocol, family, address, port }: WayKey): string {
  return `${protocol} ${address ?? `node ${family}`} ${port}`;
}

/** By way in: of several the first, as the first rule that fits has the traffic. */
export function firstOfEach(ways: Iterable<ServedWay>): readonly ServedWay[] {
  const found = new Map<string, ServedWay>();
  for (const way of ways) if (!found.has(wayKey(way))) found.set(wayKey(way), way);
  return [...found.values()];
}

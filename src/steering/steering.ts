import type { IPFamily } from '../model/address.js';
import type { KubeSpliceError } from '../model/errors.js';
import type { Protocol, ServicePortName } from '../model/service-port.js';

/** Both, in the order in which rules are made. */
export const IP_FAMILIES: readonly IPFamily[] = ['IPv4', 'IPv6'];

/**
 * What becomes of traffic: it goes to the portal; or, where nothing serves behind that, it is refused at once (TCP
 * reset, ICMP for UDP); or it is dropped, where endpoints are on other nodes only and a load balancer is to try one of
 * those.
 */
export type Verdict = 'redirect' | 'reject' | 'drop';

/** A portal, and what becomes of the traffic that is meant for it. */
export interface RedirectTo {
  readonly portal: { readonly address: string; readonly port: number };
  readonly verdict: Verdict;
}

/** Traffic that is to reach a portal: what a packet rule is made from. */
export interface Redirect extends RedirectTo {
  readonly servicePort: ServicePortName;
  readonly protocol: Protocol;
  readonly kind: 'ClusterIP' | 'NodePort' | 'ExternalIP' | 'LoadBalancer';
  /** Of `address`; for a NodePort, of the addresses of the node that it is on. */
  readonly family: IPFamily;
  /** Where clients send to, in canonical text; null for a NodePort, which is on every address of the node. */
  readonly address: string | null;
  readonly port: number;
  /** CIDRs that may use it, of either family; empty means everyone. Others are dropped. */
  readonly sourceRanges: readonly string[];
  /**
   * Where such traffic goes instead when it comes from this node or its pods: it is not subject to the external traffic
   * policy `Local`, as though it went out to a load balancer and came back in (kube-proxy's `KUBE-EXT-…` chains). Null
   * where it goes with the rest.
   */
  readonly fromNode: RedirectTo | null;
}

/** A socket that steered traffic arrives at. Nobody off the node is to reach it in any other way. */
export interface GuardedPortal {
  readonly protocol: Protocol;
  /** Where it listens: an address of the node, `0.0.0.0`, or `::` for both families. */
  readonly address: string;
  readonly port: number;
}

/** What the kernel is to be made equal to. */
export interface SteeringState {
  readonly redirects: readonly Redirect[];
  /** Every open portal, whether anything is steered to it or not. */
  readonly portals: readonly GuardedPortal[];
}

/** Nothing at all: no way in, no portal. */
export const NOTHING_STEERED: SteeringState = { redirects: [], portals: [] };

/**
 * How much is compared with the kernel: `everything` reads the kernel's rules and puts right what differs; `changes`
 * may take for granted that the rules are as the last call left them.
 */
export type SteeringCheck = 'everything' | 'changes';

/** Where rules of an earlier run send traffic: to a portal that may be gone. */
export interface PastRedirect {
  readonly protocol: Protocol;
  /** As that of a `Redirect`. */
  readonly address: string | null;
  readonly port: number;
  readonly portalPort: number;
}

/** What was sent straight to a portal from off the node, and refused there. */
export interface RefusedTraffic {
  readonly connections: number;
  readonly datagrams: number;
}

/** Brings `ClusterIP:port` traffic to the portals. */
export interface Steering {
  readonly kind: 'iptables' | 'nftables' | 'none';

  /**
   * Makes the kernel's rules equal to the whole state: what is right already is not touched, what someone else removed
   * comes back. Idempotent. Called when the state is another one than at the last call, after a call that failed, and
   * once every sync period. Where it fails, the old rules stand.
   *
   * @returns what could not be steered, though everything else is: `STEERING_CONFLICT`, `STEERING_UNSUPPORTED`.
   * @throws KubeSpliceError `STEERING_FAILED` with the words of the command that failed.
   */
  apply(state: SteeringState, check: SteeringCheck): Promise<readonly KubeSpliceError[]>;

  /**
   * Where the rules send traffic that are there before the first `apply`. Portals that have the same ports again need no
   * other rules, and get no other Service's traffic meanwhile. Empty where there are none, or they can't be read.
   */
  past(): Promise<readonly PastRedirect[]>;

  /**
   * What was written into the packet filter for this redirect and, as far as is known, is there: one line for each rule or
   * element, in the words in which the filter's own programs print it, its table first. Empty where nothing is. Asks nobody.
   */
  rulesOf(redirect: Redirect): readonly string[];

  /**
   * How many rules of iptables were written and, as far as is known, are there: by table, of both families. Empty where there
   * are none, and for other packet filters, which have one rule for all Services. Asks nobody.
   */
  ruleCounts(): ReadonlyMap<string, number>;

  /** Whether traffic of this family is brought to the portals here: what `::` is listened on for. */
  steers(family: IPFamily): Promise<boolean>;

  /** Null where nothing is refused or counted. */
  refused(): Promise<RefusedTraffic | null>;

  /**
   * Removes every rule that this ever makes.
   *
   * @throws KubeSpliceError `STEERING_FAILED` with the words of the command that failed.
   */
  remove(): Promise<void>;
}

/** The rules of one packet filter: what `iptables` and `nftables` are to do, and no more. */
export interface PacketRules {
  readonly kind: 'iptables' | 'nftables';

  /** The program that writes them and its release, as far as they are known, and what the kernel lacks. */
  readonly description: string;

  /**
   * Why traffic of this family can't be steered here, in the words of whoever refuses it; null where it can be. What was
   * missing is looked for again at each call.
   */
  whyNot(family: IPFamily): Promise<string | null>;

  /**
   * As `Steering.past`.
   *
   * @throws KubeSpliceError `STEERING_FAILED` where they can't be read.
   */
  past(): Promise<readonly PastRedirect[]>;

  /** As `Steering.rulesOf`. */
  rulesOf(redirect: Redirect): readonly string[];

  /** As `Steering.ruleCounts`. */
  ruleCounts(): ReadonlyMap<string, number>;

  /** As `Steering.apply`; no two redirects are for the same traffic, and all of it is for families that are steered. */
  write(state: SteeringState, check: SteeringCheck): Promise<void>;

  /** As `Steering.refused`. */
  refused(): Promise<RefusedTraffic | null>;

  /** As `Steering.remove`. */
  remove(): Promise<void>;
}

/** What rules need to know of the node and of the cluster. */
export interface SteeringPlace {
  /** Every address of the node, loopback too, in canonical text. */
  readonly localAddresses: (family: IPFamily) => readonly string[];
  /** The address that traffic of the node itself is sent to, where portals listen on all of them; null where it has none. */
  readonly nodeAddress: (family: IPFamily) => string | null;
  /** CIDRs of the node's addresses that NodePorts are on; empty means all of them. */
  readonly nodePortAddresses: readonly string[];
  /** CIDRs of the pods, one for each family at most; empty where they are not known. */
  readonly clusterCIDRs: readonly string[];
}

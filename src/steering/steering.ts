import type { Protocol, ServicePortName } from '../model/service-port.js';

/** A portal, and whether anything serves behind it: where not, such traffic is rejected rather than redirected. */
export interface RedirectTo {
  readonly portal: { readonly address: string; readonly port: number };
  readonly hasEndpoints: boolean;
}

/** Traffic that is to reach a portal: what a packet rule is made from. */
export interface Redirect extends RedirectTo {
  readonly servicePort: ServicePortName;
  readonly protocol: Protocol;
  readonly kind: 'ClusterIP' | 'NodePort' | 'ExternalIP' | 'LoadBalancer';
  /** Where clients send to; null for a NodePort, which is on every address of the node. */
  readonly address: string | null;
  readonly port: number;
  /** CIDRs that may use it; empty means everyone. */
  readonly sourceRanges: readonly string[];
  /**
   * Where such traffic goes instead when it comes from this node or its pods: it is not subject to the external traffic
   * policy `Local`, as though it went out to a load balancer and came back in (kube-proxy's `KUBE-EXT-…` chains). Null
   * where it goes with the rest.
   */
  readonly fromNode: RedirectTo | null;
}

/** Brings `ClusterIP:port` traffic to the portals. */
export interface Steering {
  readonly kind: 'iptables' | 'nftables' | 'none';

  /**
   * Makes the kernel's rules equal to the whole list: what is right already is not touched, what someone else removed
   * comes back. Idempotent. Called when the list is another one than at the last call, after a call that failed, and
   * once every sync period.
   */
  apply(redirects: readonly Redirect[]): Promise<void>;
}

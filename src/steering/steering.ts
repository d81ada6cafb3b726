import type { Protocol, ServicePortName } from '../model/service-port.js';

/** Traffic that is to reach a portal: what a packet rule is made from. */
export interface Redirect {
  readonly servicePort: ServicePortName;
  readonly protocol: Protocol;
  readonly kind: 'ClusterIP' | 'NodePort' | 'ExternalIP' | 'LoadBalancer';
  /** Where clients send to; null for a NodePort, which is on every address of the node. */
  readonly address: string | null;
  readonly port: number;
  /** CIDRs that may use it; empty means everyone. */
  readonly sourceRanges: readonly string[];
  readonly portal: { readonly address: string; readonly port: number };
  /** False where the service port has no endpoints: such traffic is rejected rather than redirected. */
  readonly hasEndpoints: boolean;
}

/** Brings `ClusterIP:port` traffic to the portals. */
export interface Steering {
  readonly kind: 'iptables' | 'nftables' | 'none';

  /**
   * Makes the kernel's rules equal to the whole list: what is right already is not touched, what someone else removed
   * comes back. Idempotent.
   */
  apply(redirects: readonly Redirect[]): Promise<void>;
}

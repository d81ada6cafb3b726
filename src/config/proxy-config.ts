/** Everything that decides how kube-splice runs: validated, complete, frozen. */
export interface ProxyConfig {
  /** Where portals listen: an address of this host, `0.0.0.0`, or `::` for both families. */
  readonly bindAddress: string;
  /** Where portal ports come from; null lets the kernel choose. */
  readonly proxyPortRange: PortRange | null;
  readonly udpIdleTimeoutMs: number;
  /** The longest time between two syncs. */
  readonly syncPeriodMs: number;
  /** Where the status server listens; null turns it off. */
  readonly statusAddress: StatusAddress | null;
  /** Files and directories that declare Services. */
  readonly manifests: readonly string[];
  readonly proxyMode: 'userspace' | 'iptables';
  readonly steering: 'auto' | 'iptables' | 'nftables' | 'none';
  readonly relay: 'auto' | 'native' | 'portable';
  readonly log: LogConfig;
}

/** Ports from `first` to `last`, both included. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

export interface StatusAddress {
  readonly address: string;
  readonly port: number;
}

export interface LogConfig {
  readonly format: 'text' | 'json';
  /** klog's `-v`: 0 is what always matters, 6 each connection. */
  readonly level: number;
  /** Files are written here instead of standard error; null writes to standard error. */
  readonly directory: string | null;
  /** Standard error as well as files. */
  readonly alsoToStderr: boolean;
}

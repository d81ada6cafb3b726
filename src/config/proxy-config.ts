/** Everything that decides how kube-splice runs: validated, complete, frozen. */
export interface ProxyConfig {
  /** Where portals listen: an address of this host, `0.0.0.0`, or `::` for both families. */
  readonly bindAddress: string;
  /** Where portal ports come from; null lets the kernel choose. */
  readonly proxyPortRange: PortRange | null;
  readonly udpIdleTimeoutMs: number;
  /** How long nothing may move in a TCP connection of which one side has finished; 0 for ever. */
  readonly halfClosedTimeoutMs: number;
  /** How long an answer that is owed keeps its UDP session, where that is longer; 0 for no longer. */
  readonly udpReplyTimeoutMs: number;
  /** The longest time between two syncs. */
  readonly syncPeriodMs: number;
  /** Where health and status are served; null turns them off. */
  readonly statusAddress: StatusAddress | null;
  /** Where metrics are served, and all other pages; null turns them off. */
  readonly metricsAddress: StatusAddress | null;
  /** Files and directories that declare Services. */
  readonly manifests: readonly string[];
  /** How the API server is reached; null where Services come from manifests alone. */
  readonly apiServer: ApiServerConfig | null;
  /** What the API server calls this node; null for the host's own name. */
  readonly nodeName: string | null;
  /** Where the last known state is kept over a restart; null keeps none. */
  readonly stateDirectory: string | null;
  readonly proxyMode: 'userspace' | 'iptables';
  readonly steering: 'auto' | 'iptables' | 'nftables' | 'none';
  /** CIDRs of this host's addresses that NodePorts are on; empty means all of them. */
  readonly nodePortAddresses: readonly string[];
  /** CIDRs of the pods, one of each family at most; empty where they are not known. */
  readonly clusterCIDRs: readonly string[];
  /** Remove the packet rules when the process stops. */
  readonly cleanupOnExit: boolean;
  /** Whether metrics have series for each endpoint. */
  readonly metricsPerEndpoint: boolean;
  /** Whether CPU profiles and heap snapshots are served. */
  readonly profiling: boolean;
  readonly relay: 'auto' | 'native' | 'portable';
  /** Where a native relay listens that somebody else started; null starts one where one is wanted. */
  readonly relaySocket: string | null;
  /** Threads of a native relay that is started; 0 is as many as there are cores, four at most. */
  readonly relayThreads: number;
  /** UDP sessions that may be open at once; 0 sizes it by the open-file limit. */
  readonly udpMaxSessions: number;
  /** TCP connections that may be open at once; 0 leaves it to the open-file limit. */
  readonly maxConnections: number;
  /** How long portals go on listening once the process is asked to end, with health at 503. */
  readonly shutdownDelayMs: number;
  /** How long open connections may go on after that, before they are reset. */
  readonly drainTimeoutMs: number;
  readonly log: LogConfig;
}

/** Both null: the service account of the pod that this runs in. */
export interface ApiServerConfig {
  /** A kubeconfig file. */
  readonly kubeconfig: string | null;
  /** The URL of the server, rather than that of the kubeconfig. */
  readonly master: string | null;
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

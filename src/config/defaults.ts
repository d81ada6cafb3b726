import { deepFreeze } from './freeze.js';
import type { ProxyConfig } from './proxy-config.js';

/** How kube-splice runs where nobody says otherwise. */
export const DEFAULT_CONFIG: ProxyConfig = deepFreeze<ProxyConfig>({
  bindAddress: '0.0.0.0',
  proxyPortRange: null,
  udpIdleTimeoutMs: 250,
  // What kube-proxy sets for the kernel's connection tracking (--conntrack-tcp-timeout-close-wait).
  halfClosedTimeoutMs: 3_600_000,
  udpReplyTimeoutMs: 5_000,
  syncPeriodMs: 30_000,
  statusAddress: { address: '127.0.0.1', port: 10249 },
  metricsAddress: { address: '127.0.0.1', port: 10249 },
  manifests: [],
  apiServer: null,
  nodeName: null,
  stateDirectory: null,
  proxyMode: 'userspace',
  steering: 'auto',
  nodePortAddresses: [],
  clusterCIDRs: [],
  cleanupOnExit: false,
  metricsPerEndpoint: false,
  profiling: false,
  relay: 'auto',
  relaySocket: null,
  relayThreads: 0,
  udpMaxSessions: 0,
  maxConnections: 0,
  shutdownDelayMs: 0,
  drainTimeoutMs: 5_000,
  log: { format: 'text', level: 0, directory: null, alsoToStderr: false },
});

/** The demo opens ports for nobody but this machine, and leaves its packet rules alone. */
export const DEMO_DEFAULT_CONFIG: ProxyConfig = deepFreeze<ProxyConfig>({
  ...DEFAULT_CONFIG,
  bindAddress: '127.0.0.1',
  steering: 'none',
});

import { describe, expect, it } from 'vitest';
import { DEFAULT_CONFIG, DEMO_DEFAULT_CONFIG } from '../../src/config/defaults.js';

describe('the defaults', () => {
  it('are those of kube-proxy in userspace mode', () => {
    expect(DEFAULT_CONFIG).toEqual({
      bindAddress: '0.0.0.0',
      proxyPortRange: null,
      udpIdleTimeoutMs: 250,
      halfClosedTimeoutMs: 3_600_000,
      maxConnections: 0,
      udpReplyTimeoutMs: 5_000,
      syncPeriodMs: 30_000,
      statusAddress: { address: '127.0.0.1', port: 10_249 },
      metricsAddress: { address: '127.0.0.1', port: 10_249 },
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
      shutdownDelayMs: 0,
      drainTimeoutMs: 5_000,
      log: { format: 'text', level: 0, directory: null, alsoToStderr: false },
    });
  });

  it('cannot be changed by whoever runs with them', () => {
    expect(Object.isFrozen(DEFAULT_CONFIG)).toBe(true);
    expect(Object.isFrozen(DEFAULT_CONFIG.log)).toBe(true);
    expect(Object.isFrozen(DEFAULT_CONFIG.manifests)).toBe(true);
  });

  it('keep the demo to this machine, whose packet rules it leaves alone', () => {
    expect(DEMO_DEFAULT_CONFIG).toEqual({ ...DEFAULT_CONFIG, bindAddress: '127.0.0.1', steering: 'none' });
  });
});

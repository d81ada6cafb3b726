import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { configFromFlags } from '../../../src/cli/config-from-flags.js';
import { GivenFlags } from '../../../src/cli/given-flags.js';
import { DEFAULT_CONFIG } from '../../../src/config/defaults.js';
import { readConfigFile } from '../../../src/config/file/config-file.js';
import { configText } from '../../../src/config/file/config-text.js';
import type { ProxyConfig } from '../../../src/config/proxy-config.js';

/** What is said by a file alone. */
function configOf(text: string): ProxyConfig {
  const { values, warnings } = readConfigFile('k.yaml', text);
  expect(warnings).toEqual([]);
  return configFromFlags(new GivenFlags(new Map()).over(values), DEFAULT_CONFIG);
}

const milliseconds = fc.integer({ min: 1, max: 10 ** 9 });
const path = fc.stringMatching(/^\/[a-z"' :#\\-]{1,12}[a-z]$/);
const port = fc.integer({ min: 1, max: 65_535 });
const address = fc.option(fc.record({ address: fc.constantFrom('127.0.0.1', '0.0.0.0', '::', '::1'), port }));

const configs: fc.Arbitrary<ProxyConfig> = fc.record({
  bindAddress: fc.constantFrom('0.0.0.0', '::', '192.0.2.1'),
  proxyPortRange: fc.option(
    fc.tuple(port, port).map(([one, other]) => ({ first: Math.min(one, other), last: Math.max(one, other) })),
  ),
  udpIdleTimeoutMs: milliseconds,
  halfClosedTimeoutMs: fc.oneof(fc.constant(0), milliseconds),
  udpReplyTimeoutMs: fc.oneof(fc.constant(0), milliseconds),
  syncPeriodMs: milliseconds,
  statusAddress: address,
  metricsAddress: address,
  manifests: fc.uniqueArray(path, { maxLength: 3 }),
  apiServer: fc.option(
    fc
      .record({ kubeconfig: fc.option(path), master: fc.option(fc.constantFrom('https://[::1]:6443', 'm')) })
      .filter(({ kubeconfig, master }) => kubeconfig !== null || master !== null),
  ),
  nodeName: fc.option(fc.constantFrom('node-1', 'no', '1e3')),
  stateDirectory: fc.option(path),
  proxyMode: fc.constantFrom('userspace', 'iptables'),
  steering: fc.constantFrom('auto', 'iptables', 'nftables', 'none'),
  nodePortAddresses: fc.uniqueArray(fc.constantFrom('192.0.2.0/24', '127.0.0.0/8', '2001:db8::/32')),
  clusterCIDRs: fc.constantFrom([], ['10.244.0.0/16'], ['10.244.0.0/16', 'fd00:10:244::/56']),
  cleanupOnExit: fc.boolean(),
  metricsPerEndpoint: fc.boolean(),
  profiling: fc.boolean(),
  relay: fc.constantFrom('auto', 'native', 'portable'),
  relaySocket: fc.option(path),
  relayThreads: fc.integer({ min: 0, max: 64 }),
  udpMaxSessions: fc.integer({ min: 0, max: 1_000_000 }),
  maxConnections: fc.integer({ min: 0, max: 1_000_000 }),
  shutdownDelayMs: fc.oneof(fc.constant(0), milliseconds),
  drainTimeoutMs: fc.oneof(fc.constant(0), milliseconds),
  log: fc.record({
    format: fc.constantFrom('text', 'json'),
    level: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
    directory: fc.option(path),
    alsoToStderr: fc.boolean(),
  }),
});

describe('a configuration that is written to a file', () => {
  it('is the same when it is read again', () => {
    fc.assert(
      fc.property(configs, (config) => {
        expect(configOf(configText(config))).toEqual(config);
      }),
      { numRuns: 300 },
    );
  });

  it('is whole where it is the default one', () => {
    expect(configOf(configText(DEFAULT_CONFIG))).toEqual(DEFAULT_CONFIG);
  });
});

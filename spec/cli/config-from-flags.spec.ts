import { describe, expect, it } from 'vitest';
import { configFromFlags, statusAddressFromFlags } from '../../src/cli/config-from-flags.js';
import { GivenFlags } from '../../src/cli/given-flags.js';
import { DEFAULT_CONFIG } from '../../src/config/defaults.js';
import type { ProxyConfig } from '../../src/config/proxy-config.js';

function given(values: Readonly<Record<string, string | readonly string[]>>): GivenFlags {
  return new GivenFlags(
    new Map(
      Object.entries(values).map(([name, value]) => [name, typeof value === 'string' ? [value] : value]),
    ),
  );
}

function config(values: Readonly<Record<string, string | readonly string[]>>): ProxyConfig {
  return configFromFlags(given(values), DEFAULT_CONFIG);
}

describe('configFromFlags', () => {
  it('is the defaults where nothing is given', () => {
    expect(config({})).toEqual(DEFAULT_CONFIG);
  });

  it.each<[Record<string, string | string[]>, Partial<ProxyConfig>]>([
    [{ 'bind-address': 'FD00::0:1' }, { bindAddress: 'fd00::1' }],
    [{ 'proxy-port-range': '30000+99' }, { proxyPortRange: { first: 30_000, last: 30_099 } }],
    [{ 'udp-timeout': '1m30s' }, { udpIdleTimeoutMs: 90_000 }],
    [{ 'max-connections': '500' }, { maxConnections: 500 }],
    [{ 'half-closed-timeout': '90s' }, { halfClosedTimeoutMs: 90_000 }],
    [{ 'half-closed-timeout': '0' }, { halfClosedTimeoutMs: 0 }],
    [{ 'udp-reply-timeout': '2s' }, { udpReplyTimeoutMs: 2_000 }],
    [{ 'udp-reply-timeout': '0' }, { udpReplyTimeoutMs: 0 }],
    [{ 'iptables-sync-period': '5s' }, { syncPeriodMs: 5_000 }],
    [{ manifests: ['b', 'a', 'b'] }, { manifests: ['b', 'a'] }],
    [{ manifests: 'a,b.yaml' }, { manifests: ['a,b.yaml'] }],
    [{ 'proxy-mode': 'iptables' }, { proxyMode: 'iptables' }],
    [{ 'proxy-mode': '' }, { proxyMode: 'userspace' }],
    [{ steering: 'nftables' }, { steering: 'nftables' }],
    [{ 'nodeport-addresses': '192.0.2.1/24' }, { nodePortAddresses: ['192.0.2.0/24'] }],
    [
      { 'nodeport-addresses': ['192.0.2.0/24,fd00::/64', '10.0.0.0/8', '10.1.2.3/8'] },
      { nodePortAddresses: ['192.0.2.0/24', 'fd00::/64', '10.0.0.0/8'] },
    ],
    [{ 'nodeport-addresses': '' }, { nodePortAddresses: [] }],
    [{ 'cluster-cidr': '10.244.0.0/16, FD00:10::/56' }, { clusterCIDRs: ['10.244.0.0/16', 'fd00:10::/56'] }],
    [{ 'cluster-cidr': '' }, { clusterCIDRs: [] }],
    [{ 'cleanup-on-exit': 'true' }, { cleanupOnExit: true }],
    [{ 'metrics-per-endpoint': 'true' }, { metricsPerEndpoint: true }],
    [{ 'cleanup-on-exit': 'f' }, { cleanupOnExit: false }],
    [{ profiling: 'true' }, { profiling: true }],
    [{ profiling: 'false' }, { profiling: false }],
    [{ relay: 'portable' }, { relay: 'portable' }],
    [{ 'relay-socket': '/run/kube-splice/relay.sock' }, { relaySocket: '/run/kube-splice/relay.sock' }],
    [{ 'relay-socket': '' }, { relaySocket: null }],
    [{ 'relay-threads': '64' }, { relayThreads: 64 }],
    [{ 'udp-max-sessions': '500' }, { udpMaxSessions: 500 }],
    [{ v: '6' }, { log: { ...DEFAULT_CONFIG.log, level: 6 } }],
    [{ 'log-format': 'json' }, { log: { ...DEFAULT_CONFIG.log, format: 'json' } }],
    [{ 'log-dir': '/var/log' }, { log: { ...DEFAULT_CONFIG.log, directory: '/var/log' } }],
    [{ 'log-dir': '' }, { log: { ...DEFAULT_CONFIG.log, directory: null } }],
    [{ alsologtostderr: 'T' }, { log: { ...DEFAULT_CONFIG.log, alsoToStderr: true } }],
    [{ alsologtostderr: '0' }, { log: { ...DEFAULT_CONFIG.log, alsoToStderr: false } }],
  ])('changes what %j asks for, and nothing else', (values, changed) => {
    expect(config(values)).toEqual({ ...DEFAULT_CONFIG, ...changed });
  });

  it('lets a flag say "any port" where the default is a range', () => {
    const defaults = { ...DEFAULT_CONFIG, proxyPortRange: { first: 1, last: 2 } };
    expect(configFromFlags(given({ 'proxy-port-range': '0' }), defaults).proxyPortRange).toBeNull();
    expect(configFromFlags(given({}), defaults).proxyPortRange).toEqual({ first: 1, last: 2 });
  });

  it('is frozen, all of it', () => {
    const frozen = config({
      manifests: ['a'],
      'proxy-port-range': '1-2',
      'nodeport-addresses': '10.0.0.0/8',
      'cluster-cidr': 'fd00::/48',
    });
    const { manifests, proxyPortRange, statusAddress, nodePortAddresses, clusterCIDRs, log } = frozen;
    const held = [frozen, manifests, proxyPortRange, statusAddress, nodePortAddresses, clusterCIDRs, log];
    expect(held.map((value) => Object.isFrozen(value))).toEqual(held.map(() => true));
  });

  it.each([
    ['bind-address', 'node-1', '"node-1" is not an IP address; give one such as 10.0.0.1, 0.0.0.0 or ::'],
    ['proxy-port-range', '2-1', '"2-1" ends before it begins'],
    ['udp-timeout', 'abc', '"abc" is not a duration; give one such as 250ms or 1m30s'],
    ['udp-timeout', '-5s', '"-5s" must not be negative'],
    ['iptables-sync-period', '0', '"0" must be more than 0'],
    ['healthz-port', '65536', '"65536" is not a whole number from 0 to 65535'],
    [
      'healthz-bind-address',
      'localhost',
      '"localhost" is not an address; give one such as 127.0.0.1, 127.0.0.1:10249 or [::1]:10249',
    ],
    ['manifests', '', '"" is not the path of a file or directory'],
    ['proxy-mode', 'usrspace', '"usrspace" is not one of userspace, iptables; did you mean userspace?'],
    [
      'proxy-mode',
      'ipvs',
      '"ipvs" is a mode of kube-proxy that kube-splice does not have; give userspace or iptables',
    ],
    [
      'proxy-mode',
      'kernelspace',
      '"kernelspace" is a mode of kube-proxy that kube-splice does not have; give userspace or iptables',
    ],
    ['steering', 'iptable', '"iptable" is not one of auto, iptables, nftables, none; did you mean iptables?'],
    ['relay', 'fast', '"fast" is not one of auto, native, portable'],
    ['relay-threads', '65', '"65" is not a whole number from 0 to 64'],
    ['udp-max-sessions', '-1', '"-1" is not a whole number from 0 to 1000000'],
    ['log-format', 'xml', '"xml" is not one of text, json'],
    ['alsologtostderr', 'yes', '"yes" is neither true nor false'],
    [
      'nodeport-addresses',
      '10.0.0.0/8,192.0.2.1',
      '"192.0.2.1" is not a CIDR; give one such as 10.0.0.0/8 or fd00::/64, with commas between several',
    ],
    [
      'cluster-cidr',
      '10.0.0.0/33',
      '"10.0.0.0/33" is not a CIDR; give one such as 10.0.0.0/8 or fd00::/64, with commas between several',
    ],
    [
      'cluster-cidr',
      '10.0.0.0/8,11.0.0.0/8',
      '"10.0.0.0/8,11.0.0.0/8" has two CIDRs of one family; give one of each at most',
    ],
    ['cleanup-on-exit', 'maybe', '"maybe" is neither true nor false'],
  ])('refuses --%s=%s', (name, value, problem) => {
    expect(() => config({ [name]: value })).toThrow(
      expect.objectContaining({ code: 'FLAG_INVALID', message: `--${name}: ${problem}` }),
    );
  });

  it('looks at every one of the --nodeport-addresses', () => {
    expect(() => config({ 'nodeport-addresses': ['10.0.0.0/8', 'here', 'fd00::/8'] })).toThrow(
      expect.objectContaining({
        code: 'FLAG_INVALID',
        message: expect.stringContaining('--nodeport-addresses: "here"'),
      }),
    );
  });

  it.each(['-1', 'abc', '', '2147483648'])('refuses -v %j', (value) => {
    expect(() => config({ v: value })).toThrow(
      expect.objectContaining({
        code: 'FLAG_INVALID',
        message: `-v: ${JSON.stringify(value)} is not a whole number from 0 to 2147483647`,
      }),
    );
  });
});

describe('statusAddressFromFlags', () => {
  const DEFAULT = { address: '127.0.0.1', port: 10_249 };

  it.each<[Record<string, string>, { address: string; port: number } | null]>([
    [{}, DEFAULT],
    [{ 'healthz-bind-address': '0.0.0.0' }, { address: '0.0.0.0', port: 10_249 }],
    [{ 'healthz-bind-address': '0.0.0.0:10256' }, { address: '0.0.0.0', port: 10_256 }],
    [{ 'healthz-bind-address': '[::]:10256' }, { address: '::', port: 10_256 }],
    [{ 'healthz-port': '8080' }, { address: '127.0.0.1', port: 8_080 }],
    [
      { 'healthz-bind-address': '[::1]:10256', 'healthz-port': '8080' },
      { address: '::1', port: 8_080 },
    ],
    [{ 'healthz-port': '0' }, null],
    [{ 'healthz-bind-address': '0.0.0.0:10256', 'healthz-port': '0' }, null],
    [{ 'healthz-bind-address': '0.0.0.0:0' }, null],
    [{ 'healthz-bind-address': '' }, null],
    [{ 'healthz-bind-address': '', 'healthz-port': '8080' }, null],
  ])('of %j is %j', (values, address) => {
    expect(statusAddressFromFlags(given(values), DEFAULT)).toEqual(address);
  });

  it('is off where the defaults have it off and no flag names an address', () => {
    expect(statusAddressFromFlags(given({}), null)).toBeNull();
    expect(statusAddressFromFlags(given({ 'healthz-port': '1' }), null)).toBeNull();
  });

  it('reads both flags even where one of them turns it off', () => {
    const flags = given({ 'healthz-bind-address': '', 'healthz-port': 'x' });
    expect(() => statusAddressFromFlags(flags, DEFAULT)).toThrow('--healthz-port: "x"');
  });
});

describe('where metrics are served', () => {
  it.each<[Record<string, string>, { address: string; port: number } | null]>([
    [{}, { address: '127.0.0.1', port: 10_249 }],
    [{ 'metrics-bind-address': '0.0.0.0' }, { address: '0.0.0.0', port: 10_249 }],
    [{ 'metrics-bind-address': '[::1]:9100' }, { address: '::1', port: 9_100 }],
    [{ 'metrics-port': '9100' }, { address: '127.0.0.1', port: 9_100 }],
    [
      { 'metrics-bind-address': '192.0.2.1:9100', 'metrics-port': '9101' },
      { address: '192.0.2.1', port: 9_101 },
    ],
    [{ 'metrics-bind-address': '' }, null],
    [{ 'metrics-port': '0' }, null],
    [{ 'healthz-bind-address': '0.0.0.0:10256' }, { address: '127.0.0.1', port: 10_249 }],
    [{ 'healthz-port': '0' }, { address: '127.0.0.1', port: 10_249 }],
  ])('by %j is %j', (values, address) => {
    expect(configFromFlags(given(values), DEFAULT_CONFIG).metricsAddress).toEqual(address);
  });

  it('is read as strictly as where health is', () => {
    expect(() => configFromFlags(given({ 'metrics-bind-address': 'nowhere' }), DEFAULT_CONFIG)).toThrow(
      '--metrics-bind-address: "nowhere"',
    );
    expect(() => configFromFlags(given({ 'metrics-port': '70000' }), DEFAULT_CONFIG)).toThrow(
      '--metrics-port: "70000"',
    );
  });
});

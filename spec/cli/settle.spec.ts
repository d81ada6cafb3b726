import { describe, expect, it } from 'vitest';
import { GivenFlags } from '../../src/cli/given-flags.js';
import { settle, warningsForIgnoredFlags } from '../../src/cli/settle.js';
import { DEFAULT_CONFIG } from '../../src/config/defaults.js';
import type { ProxyConfig } from '../../src/config/proxy-config.js';

const NONE = new GivenFlags(new Map());

function given(name: string, value: string): GivenFlags {
  return new GivenFlags(new Map([[name, [value]]]));
}

describe('settle', () => {
  it('leaves what can be had as it is, without a word', () => {
    for (const relay of ['auto', 'native', 'portable'] as const) {
      const asked: ProxyConfig = { ...DEFAULT_CONFIG, relay };
      expect(settle(NONE, asked)).toEqual({ config: asked, warnings: [] });
    }
    for (const steering of ['auto', 'iptables', 'nftables', 'none'] as const) {
      const asked: ProxyConfig = { ...DEFAULT_CONFIG, steering, relay: 'portable' };
      expect(settle(NONE, asked)).toEqual({ config: asked, warnings: [] });
    }
  });

  it.each<[Partial<ProxyConfig>, Partial<ProxyConfig>, string]>([
    [
      { proxyMode: 'iptables' },
      { proxyMode: 'userspace' },
      '--proxy-mode=iptables is not built yet: userspace runs instead',
    ],
    [
      { relay: 'portable', relaySocket: '/run/relay.sock' },
      { relay: 'portable', relaySocket: '/run/relay.sock' },
      '--relay-socket has no effect with --relay=portable: the relay is in this process',
    ],
    [
      { relay: 'portable', relayThreads: 2 },
      { relay: 'portable', relayThreads: 2 },
      '--relay-threads has no effect with --relay=portable: it has one thread',
    ],
    [
      { relaySocket: '/run/relay.sock', relayThreads: 2 },
      { relaySocket: '/run/relay.sock', relayThreads: 2 },
      '--relay-threads has no effect with --relay-socket: whoever starts that relay sets it',
    ],
    [
      { udpIdleTimeoutMs: 8_760 * 3_600_000 },
      { udpIdleTimeoutMs: 2_147_483_647 },
      '--udp-timeout: 8760h is held to 596h31m23.647s, the longest that can be timed',
    ],
    [
      { halfClosedTimeoutMs: 2_147_483_648 },
      { halfClosedTimeoutMs: 2_147_483_647 },
      '--half-closed-timeout: 596h31m23.648s is held to 596h31m23.647s, the longest that can be timed',
    ],
    [
      { udpReplyTimeoutMs: 8_760 * 3_600_000 },
      { udpReplyTimeoutMs: 2_147_483_647 },
      '--udp-reply-timeout: 8760h is held to 596h31m23.647s, the longest that can be timed',
    ],
    [
      { shutdownDelayMs: 2_147_483_648 },
      { shutdownDelayMs: 2_147_483_647 },
      '--shutdown-delay: 596h31m23.648s is held to 596h31m23.647s, the longest that can be timed',
    ],
    [
      { drainTimeoutMs: 2_147_483_648 },
      { drainTimeoutMs: 2_147_483_647 },
      '--drain-timeout: 596h31m23.648s is held to 596h31m23.647s, the longest that can be timed',
    ],
    [
      { syncPeriodMs: 2_147_483_648 },
      { syncPeriodMs: 2_147_483_647 },
      '--iptables-sync-period: 596h31m23.648s is held to 596h31m23.647s, the longest that can be timed',
    ],
  ])('of %j makes %j, and says so once', (asked, had, warning) => {
    expect(settle(NONE, { ...DEFAULT_CONFIG, ...asked })).toEqual({
      config: { ...DEFAULT_CONFIG, ...had },
      warnings: [warning],
    });
  });

  it('says that a state directory is for what an API server tells', () => {
    const asked = { ...DEFAULT_CONFIG, stateDirectory: '/var/lib/kube-splice' };
    expect(settle(NONE, asked).warnings).toEqual([
      '--state-dir has no effect: manifests are on disk already, and no API server is asked',
    ]);
    const apiServer = { kubeconfig: '/etc/kubeconfig', master: null };
    expect(settle(NONE, { ...asked, apiServer }).warnings).toEqual([]);
  });

  it.each([
    ['masquerade-all', 'true'],
    ['iptables-masquerade-bit', '14'],
  ])('says that --%s has no effect, and why', (name, value) => {
    expect(settle(given(name, value), DEFAULT_CONFIG)).toEqual({
      config: DEFAULT_CONFIG,
      warnings: [`--${name} has no effect: the relay connects from this node, so every endpoint answers it`],
    });
  });

  it.each([['masquerade-all', 'false']])('says nothing of --%s=%j, which asks for nothing', (name, value) => {
    expect(settle(given(name, value), DEFAULT_CONFIG).warnings).toEqual([]);
  });

  it.each([
    ['iptables-masquerade-bit', '32', '"32" is not a whole number from 0 to 31'],
    ['iptables-masquerade-bit', 'x', '"x" is not a whole number from 0 to 31'],
    ['masquerade-all', 'maybe', '"maybe" is neither true nor false'],
  ])('refuses --%s=%s although it has no effect', (name, value, problem) => {
    expect(() => settle(given(name, value), DEFAULT_CONFIG)).toThrow(
      expect.objectContaining({ code: 'FLAG_INVALID', message: `--${name}: ${problem}` }),
    );
  });

  it('gives a frozen configuration', () => {
    expect(Object.isFrozen(settle(NONE, { ...DEFAULT_CONFIG, relay: 'native' }).config)).toBe(true);
  });
});

describe('warningsForIgnoredFlags', () => {
  it('is one sentence for each flag, however often it was given', () => {
    const flags = new GivenFlags(
      new Map([
        ['conntrack-min', ['1', '2']],
        ['ipvs-strict-arp', ['true']],
      ]),
    );
    expect(warningsForIgnoredFlags(flags)).toEqual([
      '--conntrack-min has no effect here: connection tracking is left as the kernel has it',
      '--ipvs-strict-arp has no effect here: there is no IPVS mode',
    ]);
  });

  it('is nothing for flags that have one', () => {
    expect(warningsForIgnoredFlags(given('udp-timeout', '1s'))).toEqual([]);
  });
});

import { expect, it } from 'vitest';
import { onEveryFilter } from '../support/network/on-every-filter.js';
import { SOON } from '../support/network/polling.js';
import {
  ALL_PODS,
  DUAL_STACK,
  dualStackService,
  RECORDED_OBJECTS,
  serviceOfPods,
} from '../support/network/service-manifests.js';

const PODS = ['pod-11', 'pod-12', 'pod-13'];

/** Chains, jumps and rules of somebody else, in every table that is written to and one that is not. */
const iptablesRules = (program: string, address: string) => `
${program} -t nat -N OTHER-NAT
${program} -t nat -A OTHER-NAT -d ${address} -p tcp -m tcp --dport 81 -m comment --comment "it's \\"theirs\\"; 100%" -j ACCEPT
${program} -t nat -A PREROUTING -j OTHER-NAT
${program} -t nat -A OUTPUT -m mark --mark 0x1 -j OTHER-NAT
${program} -t nat -A POSTROUTING -s ${address} -p udp -m udp --dport 82 -j MASQUERADE
${program} -t mangle -A FORWARD -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
${program} -N OTHER-FILTER
${program} -A OTHER-FILTER -s ${address} -j DROP
${program} -A INPUT -j OTHER-FILTER
${program} -A FORWARD -i cni0 -j OTHER-FILTER
${program} -P FORWARD ACCEPT`;

/** More of them, when ours stand already: before and behind ours, in every chain that ours hang in. */
const laterIptablesRules = (program: string, address: string) => `
for chain in PREROUTING OUTPUT; do
  ${program} -t nat -I $chain 1 -d ${address} -p tcp -m tcp --dport 83 -j OTHER-NAT
  ${program} -t nat -A $chain -d ${address} -p tcp -m tcp --dport 84 -j OTHER-NAT
done
for chain in INPUT FORWARD OUTPUT; do
  ${program} -I $chain 1 -d ${address} -p tcp -m tcp --dport 85 -j OTHER-FILTER
  ${program} -A $chain -d ${address} -p tcp -m tcp --dport 86 -j OTHER-FILTER
done`;

const nftablesRules = `
nft 'table inet theirs { set ports { type inet_service; elements = { 81, 82 }; }
  chain input { type filter hook input priority 0; tcp dport @ports counter drop; }; }
table ip nat { chain PREROUTING { type nat hook prerouting priority -100; ip daddr 192.0.2.1 tcp dport 83 dnat to 192.0.2.2; }; }'`;
const laterNftablesRules = `nft add rule inet theirs input udp dport 84 drop; nft add table ip6 kube-other`;

const ADDRESSES = { iptables: '192.0.2.1', ip6tables: '2001:db8::1' } as const;

function forBothFamilies(rules: (program: string, address: string) => string): string {
  return Object.entries(ADDRESSES)
    .map(([program, address]) => rules(program, address))
    .join('\n');
}

onEveryFilter("somebody else's rules", (steered, filterName) => {
  const isNftables = filterName === 'nftables';

  it('are as they were, byte for byte: before, during and after', async () => {
    const { filter, network } = steered();
    await filter.clear();
    await filter.shell(isNftables ? nftablesRules : forBothFamilies(iptablesRules));
    const before = await filter.foreignRules();
    expect(before.length).toBeGreaterThan(9);

    const program = await steered().start([RECORDED_OBJECTS, dualStackService()]);
    expect(await filter.foreignRules()).toEqual(before);
    expect(await filter.rules()).not.toEqual(before);

    await filter.shell(isNftables ? laterNftablesRules : forBothFamilies(laterIptablesRules));
    const during = await filter.foreignRules();
    expect(during.length).toBeGreaterThan(before.length);
    const more = serviceOfPods('more', { spec: { clusterIP: '10.96.60.1' }, endpoints: ALL_PODS });
    program.declare(dualStackService(), more);
    const [pod] = network.pods;
    await expect.poll(() => pod.curl({ address: '10.96.60.1', port: 80 }), SOON).toMatch(/^pod-/);
    const { sync } = await program.report();
    // A sync for everything, that puts jumps in their place.
    await expect
      .poll(async () => (await program.report()).sync.succeeded, SOON)
      .toBeGreaterThan(sync.succeeded + 1);
    expect(await filter.foreignRules()).toEqual(during);
    expect(PODS).toContain(await pod.curl({ address: DUAL_STACK.clusterIPs.IPv6, port: 80 }));

    program.program.signal('SIGTERM');
    expect(await program.program.ended()).toBe(0);
    expect(await filter.foreignRules()).toEqual(during);
    expect(await steered().run('--cleanup-iptables')).toMatchObject({ exitCode: 0 });
    expect(await filter.rules()).toEqual(during);
  });
});

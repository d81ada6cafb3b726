import { describe, expect, it } from 'vitest';
import { readKubeProxyRules } from '../../../src/steering/kube-proxy-rules/kube-proxy-rules.js';
import { readRuleSaves } from '../../../src/steering/kube-proxy-rules/rule-save.js';
import { kubeProxyRules } from '../../support/kube-proxy-fixture.js';

function read(...texts: readonly string[]) {
  return readKubeProxyRules({
    saves: texts.flatMap(readRuleSaves),
    families: ['IPv4', 'IPv6'],
    where: 'iptables-save',
    warnings: ['of whoever read them'],
  });
}

const missing = (message: string) => expect.objectContaining({ code: 'KUBE_PROXY_RULES_MISSING', message });

describe('the rules of a host', () => {
  it.each(['iptables', 'userspace'] as const)('are those of kube-proxy in %s mode', (mode) => {
    const rules = read(kubeProxyRules(mode));
    expect(rules).toMatchObject({ mode, families: ['IPv4', 'IPv6'], warnings: ['of whoever read them'] });
    expect(rules.ways).toHaveLength(10);
    expect(rules.nodePortAddresses).toBeNull();
  });

  it('may be of a kube-proxy whose Services all have no endpoints', () => {
    const rule =
      '-A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -m comment --comment "a/b has no endpoints" -m tcp --dport 80 -j REJECT --reject-with icmp-port-unreachable';
    const rules = read(
      `*filter\n${rule}\nCOMMIT\n*nat\n-A PREROUTING -j KUBE-SERVICES\n-A OUTPUT -j KUBE-SERVICES\n-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS\n`,
    );
    expect(rules).toMatchObject({ mode: 'iptables', ways: [{ servicePort: 'a/b', outcome: 'rejected' }] });
  });

  it('may be left over from userspace mode beside those of iptables mode, which is told', () => {
    const { mode, warnings } = read(kubeProxyRules('userspace'), kubeProxyRules('iptables'));
    expect(mode).toBe('iptables');
    expect(warnings).toContain(
      'there are rules of userspace mode as well: left over, or of another kube-proxy',
    );
  });

  it.each([
    ['iptables', 'PREROUTING', 'KUBE-SERVICES'],
    ['iptables', 'OUTPUT', 'KUBE-SERVICES'],
    ['userspace', 'PREROUTING', 'KUBE-PORTALS-CONTAINER'],
    ['userspace', 'OUTPUT', 'KUBE-PORTALS-HOST'],
  ] as const)('of %s mode that no traffic from %s follows are told of', (mode, hook, chain) => {
    const unhooked = kubeProxyRules(mode)
      .split('\n')
      .filter((line) => !(line.startsWith(`-A ${hook} `) && line.endsWith(`-j ${chain}`)))
      .join('\n');
    // The table filter of iptables mode has a chain of this name as well.
    expect(read(unhooked).warnings.slice(1)).toEqual([
      `IPv4: ${hook} does not lead to ${chain}: no traffic follows these rules`,
    ]);
  });

  it('without any of kube-proxy are an error that says what was looked at', () => {
    expect(() => read()).toThrow(missing('iptables-save: no rules of kube-proxy'));
    expect(() => read('*nat\n-A PREROUTING -j DOCKER\nCOMMIT')).toThrow(
      missing('iptables-save: no rules of kube-proxy'),
    );
  });

  it('of kube-splice itself are not taken for those of kube-proxy, whose chains have the same names', () => {
    const ours = `*filter\n:KUBE-PORTALS-GUARD - [0:0]\nCOMMIT\n*nat\n:KUBE-PORTALS-CONTAINER - [0:0]\nCOMMIT\n`;
    expect(() => read(ours)).toThrow(
      missing("iptables-save: kube-splice's own rules, and none of kube-proxy"),
    );
    expect(read(ours, kubeProxyRules('iptables')).mode).toBe('iptables');
  });

  it('of IPVS mode are an error that names what prints its Services', () => {
    const rule = '-A KUBE-SERVICES -m set --match-set KUBE-CLUSTER-IP dst,dst -j ACCEPT';
    expect(() => read(`*nat\n${rule}\nCOMMIT`)).toThrow(
      expect.objectContaining({
        code: 'KUBE_PROXY_RULES_MISSING',
        message:
          "iptables-save: these are the rules of kube-proxy's IPVS mode, which keeps its Services elsewhere",
        remedy: expect.stringContaining('ipvsadm -Ln'),
      }),
    );
  });
});

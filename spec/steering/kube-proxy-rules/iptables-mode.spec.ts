import { describe, expect, it } from 'vitest';
import {
  nodePortAddressesOf,
  waysOfIptablesMode,
} from '../../../src/steering/kube-proxy-rules/iptables-mode.js';
import { type RuleSave, readRuleSaves } from '../../../src/steering/kube-proxy-rules/rule-save.js';
import type { ServedWay } from '../../../src/steering/kube-proxy-rules/served-way.js';
import { kubeProxyRules } from '../../support/kube-proxy-fixture.js';

function saveOf(text: string): RuleSave {
  const [save] = readRuleSaves(text);
  if (save === undefined) throw new Error('there is no table in this text');
  return save;
}

/** Of the table nat, and of the table filter. */
function waysOf(nat: string, filter = ''): readonly ServedWay[] {
  return waysOfIptablesMode(saveOf(`*filter\n${filter}\nCOMMIT\n*nat\n${nat}\nCOMMIT\n`));
}

const ENDPOINTS = `
-A KUBE-SVC-X -m comment --comment "a/b:c -> 10.0.0.1:80" -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-1
-A KUBE-SVC-X -m comment --comment "a/b:c -> 10.0.0.2:80" -j KUBE-SEP-2
-A KUBE-SEP-1 -s 10.0.0.1/32 -m comment --comment "a/b:c" -j KUBE-MARK-MASQ
-A KUBE-SEP-1 -p tcp -m comment --comment "a/b:c" -m tcp -j DNAT --to-destination 10.0.0.1:80
-A KUBE-SEP-2 -s 10.0.0.2/32 -m comment --comment "a/b:c" -j KUBE-MARK-MASQ
-A KUBE-SEP-2 -p tcp -m comment --comment "a/b:c" -m tcp -j DNAT --to-destination 10.0.0.2:80
`;
const BOTH = ['10.0.0.1:80', '10.0.0.2:80'];
const ENTRY = '-p tcp -m comment --comment "a/b:c loadbalancer IP" -m tcp --dport 80';
const LOAD_BALANCER = `-A KUBE-SERVICES -d 192.0.2.1/32 ${ENTRY} -j KUBE-FW-X`;

describe("kube-proxy's rules of iptables mode", () => {
  it('of a real 1.25 have every way in, and where it leads', () => {
    const ways = waysOfIptablesMode(saveOf(kubeProxyRules('iptables')));
    const web = {
      servicePort: 'default/web:http',
      protocol: 'TCP',
      family: 'IPv4',
      outcome: 'served',
    } as const;
    const endpoints = ['10.244.0.11:3000', '10.244.0.13:3000'];
    const ofWeb = { ...web, endpoints, affinitySeconds: 600 };
    expect(ways.filter(({ servicePort }) => servicePort === 'default/web:http')).toEqual([
      { ...ofWeb, kind: 'ClusterIP', address: '10.96.20.1', port: 80, sourceRanges: [] },
      { ...ofWeb, kind: 'ExternalIP', address: '172.30.0.100', port: 80, sourceRanges: [] },
      { ...ofWeb, kind: 'LoadBalancer', address: '172.30.0.200', port: 80, sourceRanges: ['172.30.0.0/24'] },
      { ...ofWeb, kind: 'NodePort', address: null, port: 30_080, sourceRanges: [] },
    ]);
    expect(ways.find(({ servicePort }) => servicePort === 'default/empty:http')).toEqual({
      servicePort: 'default/empty:http',
      kind: null,
      protocol: 'TCP',
      family: 'IPv4',
      address: '10.96.20.9',
      port: 80,
      outcome: 'rejected',
      endpoints: null,
      affinitySeconds: null,
      sourceRanges: [],
    });
    expect(ways.map(({ protocol, address, port }) => `${protocol} ${address} ${port}`)).toEqual(
      expect.arrayContaining([
        'UDP 10.96.0.10 53',
        'TCP 10.96.0.10 53',
        'TCP null 31647',
        'TCP 10.96.0.1 443',
      ]),
    );
    expect(ways).toHaveLength(10);
  });

  it('until 1.23 let a load balancer in by source, and marked what was left for a drop', () => {
    const chain = (range: string) => `
${LOAD_BALANCER}
-A KUBE-FW-X -m comment --comment "a/b:c loadbalancer IP" -j KUBE-MARK-MASQ
-A KUBE-FW-X ${range}-m comment --comment "a/b:c loadbalancer IP" -j KUBE-SVC-X
-A KUBE-FW-X -m comment --comment "a/b:c loadbalancer IP" -j KUBE-MARK-DROP
${ENDPOINTS}`;
    const [everyone] = waysOf(chain(''));
    expect(everyone).toMatchObject({
      outcome: 'served',
      endpoints: BOTH,
      sourceRanges: [],
      affinitySeconds: 0,
    });
    const [some] = waysOf(chain('-s 198.51.100.0/24 '));
    expect(some).toMatchObject({ outcome: 'served', endpoints: BOTH, sourceRanges: ['198.51.100.0/24'] });
  });

  it('may let in the address of the load balancer itself: nobody else sends from it', () => {
    const [way] = waysOf(`
${LOAD_BALANCER}
-A KUBE-FW-X -s 198.51.100.0/24 -m comment --comment "a/b:c loadbalancer IP" -j KUBE-EXT-X
-A KUBE-FW-X -s 192.0.2.1/32 -m comment --comment "a/b:c loadbalancer IP" -j KUBE-EXT-X
-A KUBE-EXT-X -j KUBE-SVC-X
${ENDPOINTS}`);
    expect(way?.sourceRanges).toEqual(['198.51.100.0/24']);
  });

  it.each(['EXT', 'XLB'])(
    'with the policy Local lead to the endpoints of this node (KUBE-%s-…), but what comes from it and its pods to all',
    (kind) => {
      const local = (rule: string) =>
        waysOf(`
-A KUBE-NODEPORTS -p tcp -m comment --comment "a/b:c" -m tcp --dport 30000 -j KUBE-${kind}-X
-A KUBE-${kind}-X -s 10.0.0.0/8 -m comment --comment "pod traffic for a/b:c external destinations" -j KUBE-SVC-X
-A KUBE-${kind}-X -m comment --comment "masquerade LOCAL traffic" -m addrtype --src-type LOCAL -j KUBE-MARK-MASQ
-A KUBE-${kind}-X -m comment --comment "route LOCAL traffic" -m addrtype --src-type LOCAL -j KUBE-SVC-X
-A KUBE-${kind}-X ${rule}
${ENDPOINTS}`)[0];
      expect(local('-j KUBE-SEP-2')).toMatchObject({ outcome: 'served', endpoints: ['10.0.0.2:80'] });
      const drop = '-m comment --comment "a/b:c has no local endpoints" -j KUBE-MARK-DROP';
      expect(local(drop)).toMatchObject({ outcome: 'dropped', endpoints: null });
    },
  );

  it('refuse in the table filter what has no endpoints, and drop what has none on this node', () => {
    const ways = waysOf(
      '',
      `
-A KUBE-SERVICES -d 10.96.0.1/32 -p udp -m comment --comment "a/b:c has no endpoints" -m udp --dport 53 -j REJECT --reject-with icmp-port-unreachable
-A KUBE-EXTERNAL-SERVICES -d 192.0.2.1/32 -p tcp -m comment --comment "a/d has no local endpoints" -m tcp --dport 80 -j DROP
-A KUBE-EXTERNAL-SERVICES -p tcp -m comment --comment "a/d has no endpoints" -m addrtype --dst-type LOCAL -m tcp --dport 30001 -j REJECT --reject-with icmp-port-unreachable`,
    );
    expect(
      ways.map(({ servicePort, address, port, outcome }) => [servicePort, address, port, outcome]),
    ).toEqual([
      ['a/b:c', '10.96.0.1', 53, 'rejected'],
      ['a/d', '192.0.2.1', 80, 'dropped'],
      ['a/d', null, 30_001, 'rejected'],
    ]);
  });

  it('of IPv6 lead to endpoints of IPv6', () => {
    const [way] = waysOf(`
-A KUBE-SERVICES -d fd00::1/128 -p tcp -m comment --comment "a/b:c cluster IP" -m tcp --dport 80 -j KUBE-SVL-X
-A KUBE-SVL-X -j KUBE-SEP-1
-A KUBE-SEP-1 -p tcp -m tcp -j DNAT --to-destination [fd00:0::11]:8080`);
    expect(way).toMatchObject({ family: 'IPv6', address: 'fd00::1', endpoints: ['[fd00::11]:8080'] });
  });

  it('that lead nowhere serve nothing', () => {
    const entry = '-A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-X';
    expect(waysOf(entry)[0]).toMatchObject({
      servicePort: null,
      kind: null,
      outcome: 'unserved',
      endpoints: null,
    });
    const circle = `${entry}\n-A KUBE-SVC-X -j KUBE-EXT-X\n-A KUBE-EXT-X -j KUBE-SVC-X`;
    expect(waysOf(circle)[0]).toMatchObject({ outcome: 'unserved' });
    const odd = `${entry}\n-A KUBE-SVC-X -j KUBE-SEP-1\n-A KUBE-SEP-1 -p tcp -j DNAT --to-destination nowhere`;
    expect(waysOf(odd)[0]).toMatchObject({ outcome: 'unserved' });
  });

  it('have traffic by the first of two rules that fit', () => {
    const [way, ...others] = waysOf(`
-A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -m comment --comment "a/b:c cluster IP" -m tcp --dport 80 -j KUBE-SVC-X
-A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -m comment --comment "a/z cluster IP" -m tcp --dport 80 -j KUBE-SVC-Z
${ENDPOINTS}`);
    expect(way?.servicePort).toBe('a/b:c');
    expect(others).toEqual([]);
  });
});

describe('the addresses of NodePorts', () => {
  const of = (...rules: string[]) => nodePortAddressesOf(saveOf(`*nat\n${rules.join('\n')}\nCOMMIT\n`));

  it('are all of the node, or those that --nodeport-addresses left', () => {
    expect(nodePortAddressesOf(saveOf(kubeProxyRules('iptables')))).toBeNull();
    expect(of('-A KUBE-SERVICES ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS')).toBeNull();
    expect(
      of(
        '-A KUBE-SERVICES -d 192.0.2.9/32 -j KUBE-NODEPORTS',
        '-A KUBE-SERVICES -d 192.0.2.1/32 -j KUBE-NODEPORTS',
      ),
    ).toEqual(['192.0.2.1', '192.0.2.9']);
    expect(of('-A KUBE-SERVICES -d 192.0.2.9/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-X')).toEqual([]);
  });
});

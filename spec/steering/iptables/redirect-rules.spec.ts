import { describe, expect, it } from 'vitest';
import { type RuleContext, rulesOfRedirect } from '../../../src/steering/iptables/redirect-rules.js';
import type { Capabilities } from '../../../src/steering/iptables/rule-text.js';
import { ALL_CAPABILITIES } from '../../../src/steering/iptables/rule-text.js';
import type { Redirect, SteeringPlace } from '../../../src/steering/steering.js';
import { aPlace, aRedirect } from '../../support/steering-values.js';

const NAMED = '-m comment --comment "default/web:http"';
const CLUSTER_IP = `-d 10.96.0.1/32 -p tcp ${NAMED} -m tcp --dport 80`;

function contextOf(place: Partial<SteeringPlace> = {}, has: Partial<Capabilities> = {}): RuleContext {
  return { family: 'IPv4', place: aPlace(place), has: { ...ALL_CAPABILITIES, ...has } };
}

function rules(redirect: Partial<Redirect>, context: RuleContext = contextOf()): readonly string[] {
  return rulesOfRedirect(aRedirect(redirect), context).map(([, rule]) => rule);
}

describe('the rules of a redirect', () => {
  it('send what comes from elsewhere to the interface it came in by, and what the node sends to its address', () => {
    expect(rules({})).toEqual([
      `-A KUBE-PORTALS-CONTAINER ${CLUSTER_IP} -j REDIRECT --to-ports 40001`,
      `-A KUBE-PORTALS-HOST ${CLUSTER_IP} -j DNAT --to-destination 172.30.0.1:40001`,
    ]);
  });

  it('send everything to the one address that portals listen on', () => {
    expect(rules({ portal: { address: '192.0.2.7', port: 40_001 } })).toEqual([
      `-A KUBE-PORTALS-CONTAINER ${CLUSTER_IP} -j DNAT --to-destination 192.0.2.7:40001`,
      `-A KUBE-PORTALS-HOST ${CLUSTER_IP} -j DNAT --to-destination 192.0.2.7:40001`,
    ]);
  });

  it('serve the node alone where portals listen on loopback: route_localnet is never needed', () => {
    expect(rules({ portal: { address: '127.0.0.1', port: 40_001 } })).toEqual([
      `-A KUBE-PORTALS-HOST ${CLUSTER_IP} -j DNAT --to-destination 127.0.0.1:40001`,
    ]);
  });

  it('redirect what the node sends where it has no address but loopback', () => {
    expect(rules({}, contextOf({ nodeAddress: () => null }))[1]).toBe(
      `-A KUBE-PORTALS-HOST ${CLUSTER_IP} -j REDIRECT --to-ports 40001`,
    );
  });

  it('write IPv6 addresses as iptables does', () => {
    const context: RuleContext = { ...contextOf(), family: 'IPv6' };
    expect(
      rules({ address: 'fd00::1', protocol: 'UDP', portal: { address: '::', port: 40_001 } }, context),
    ).toEqual([
      `-A KUBE-PORTALS-CONTAINER -d fd00::1/128 -p udp ${NAMED} -m udp --dport 80 -j REDIRECT --to-ports 40001`,
      `-A KUBE-PORTALS-HOST -d fd00::1/128 -p udp ${NAMED} -m udp --dport 80 -j DNAT --to-destination [fd00:30::1]:40001`,
    ]);
  });

  it('say no name where the kernel has no comments', () => {
    expect(rules({}, contextOf({}, { comment: false }))[0]).toBe(
      '-A KUBE-PORTALS-CONTAINER -d 10.96.0.1/32 -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 40001',
    );
  });
});

describe('the rules of a NodePort', () => {
  const nodePort = { kind: 'NodePort', port: 30_080 } as const;

  it('steer it, and let in what was steered', () => {
    expect(rules(nodePort)).toEqual([
      `-A KUBE-NODEPORT-CONTAINER -p tcp ${NAMED} -m tcp --dport 30080 -j REDIRECT --to-ports 40001`,
      `-A KUBE-NODEPORT-HOST -p tcp ${NAMED} -m tcp --dport 30080 -j DNAT --to-destination 172.30.0.1:40001`,
      `-A KUBE-NODEPORT-NON-LOCAL -p tcp ${NAMED} -m tcp --dport 40001 -m state --state NEW -j ACCEPT`,
    ]);
  });

  it('know new connections by conntrack where there is no state match', () => {
    expect(rules(nodePort, contextOf({}, { state: false }))[2]).toContain(
      '-m conntrack --ctstate NEW -j ACCEPT',
    );
  });

  it('reject it on the addresses that it is on, where nothing serves it', () => {
    const rejected = { ...nodePort, verdict: 'reject' } as const;
    const named = '-p tcp -m comment --comment "default/web:http has no endpoints" -m tcp --dport 30080';
    const reset = '-j REJECT --reject-with tcp-reset';
    expect(rules(rejected)).toEqual([
      `-A KUBE-PORTALS-REJECT ${named} -m addrtype --dst-type LOCAL ${reset}`,
    ]);
    expect(rules(rejected, contextOf({ nodePortAddresses: ['172.30.0.0/24', 'fd00::/8'] }))).toEqual([
      `-A KUBE-PORTALS-REJECT -d 172.30.0.0/24 ${named} -m addrtype --dst-type LOCAL ${reset}`,
    ]);
    expect(rules(rejected, contextOf({ nodePortAddresses: ['172.30.0.0/24'] }, { addrtype: false }))).toEqual(
      [`-A KUBE-PORTALS-REJECT -d 172.30.0.1/32 ${named} ${reset}`],
    );
    expect(rules(rejected, contextOf({ nodePortAddresses: ['fd00::/8'] }))).toEqual([]);
  });
});

describe('the rules of a redirect without endpoints', () => {
  it('refuse at once: TCP with a reset, UDP with an ICMP message of its family', () => {
    expect(rules({ verdict: 'reject' })).toEqual([
      '-A KUBE-PORTALS-REJECT -d 10.96.0.1/32 -p tcp -m comment --comment "default/web:http has no endpoints" -m tcp --dport 80 -j REJECT --reject-with tcp-reset',
    ]);
    expect(rules({ verdict: 'reject', protocol: 'UDP' })[0]).toMatch(/--reject-with icmp-port-unreachable$/);
    const context: RuleContext = { ...contextOf(), family: 'IPv6' };
    expect(rules({ verdict: 'reject', protocol: 'UDP', address: 'fd00::1' }, context)[0]).toMatch(
      /--reject-with icmp6-port-unreachable$/,
    );
  });

  it('drop it where endpoints are on other nodes only', () => {
    expect(rules({ verdict: 'drop' })[0]).toMatch(/--dport 80 -j DROP$/);
  });

  it('leave it to the portal to refuse where the kernel has no REJECT', () => {
    expect(rules({ verdict: 'reject' }, contextOf({}, { reject: false }))).toEqual(rules({}));
  });
});

describe('the rules of a load balancer with source ranges', () => {
  const limited = { kind: 'LoadBalancer', sourceRanges: ['203.0.113.0/24', 'fd00::/8'] } as const;

  it('steer those sources, and the node itself, and drop every other one', () => {
    expect(rules(limited)).toEqual([
      `-A KUBE-PORTALS-CONTAINER -s 203.0.113.0/24 ${CLUSTER_IP} -j REDIRECT --to-ports 40001`,
      `-A KUBE-PORTALS-HOST ${CLUSTER_IP} -j DNAT --to-destination 172.30.0.1:40001`,
      `-A KUBE-PORTALS-REJECT ${CLUSTER_IP.replace(':http', ':http allows other sources only')} -j DROP`,
    ]);
  });

  it('steer nobody from elsewhere where no range is of its family', () => {
    const chains = rulesOfRedirect(aRedirect({ ...limited, sourceRanges: ['fd00::/8'] }), contextOf()).map(
      ([chain]) => chain,
    );
    expect(chains).toEqual(['KUBE-PORTALS-HOST', 'KUBE-PORTALS-REJECT']);
  });

  it('name no source where everyone may come', () => {
    expect(rules({ ...limited, sourceRanges: ['0.0.0.0/0'] })[0]).toBe(
      `-A KUBE-PORTALS-CONTAINER ${CLUSTER_IP} -j REDIRECT --to-ports 40001`,
    );
  });
});

describe('the rules of traffic that goes elsewhere when it comes from the node or its pods', () => {
  const local = {
    portal: { address: '0.0.0.0', port: 40_002 },
    fromNode: { portal: { address: '0.0.0.0', port: 40_001 }, verdict: 'redirect' },
  } as const;
  const withPods = contextOf({ clusterCIDRs: ['10.244.0.0/16'] });

  it('tell pods by --cluster-cidr', () => {
    expect(rules({ kind: 'ExternalIP', ...local }, withPods)).toEqual([
      `-A KUBE-PORTALS-CONTAINER -s 10.244.0.0/16 ${CLUSTER_IP} -j REDIRECT --to-ports 40001`,
      `-A KUBE-PORTALS-CONTAINER ! -s 10.244.0.0/16 ${CLUSTER_IP} -j REDIRECT --to-ports 40002`,
      `-A KUBE-PORTALS-HOST ${CLUSTER_IP} -j DNAT --to-destination 172.30.0.1:40001`,
    ]);
  });

  it('tell the node alone where it is not known who is a pod', () => {
    expect(rules({ kind: 'ExternalIP', ...local })).toEqual([
      `-A KUBE-PORTALS-CONTAINER ${CLUSTER_IP} -j REDIRECT --to-ports 40002`,
      `-A KUBE-PORTALS-HOST ${CLUSTER_IP} -j DNAT --to-destination 172.30.0.1:40001`,
    ]);
  });

  it('drop what comes from outside where endpoints are on other nodes only, and serve the node and its pods', () => {
    expect(rules({ kind: 'ExternalIP', ...local, verdict: 'drop' }, withPods)).toEqual([
      `-A KUBE-PORTALS-CONTAINER -s 10.244.0.0/16 ${CLUSTER_IP} -j REDIRECT --to-ports 40001`,
      `-A KUBE-PORTALS-HOST ${CLUSTER_IP} -j DNAT --to-destination 172.30.0.1:40001`,
      `-A KUBE-PORTALS-REJECT ${CLUSTER_IP.replace(':http', ':http has no endpoints')} -j DROP`,
    ]);
  });

  it('let in to both portals what came to a NodePort', () => {
    const accepted = rules({ kind: 'NodePort', port: 30_080, ...local }).filter((rule) =>
      rule.endsWith('ACCEPT'),
    );
    expect(accepted.map((rule) => / --dport (\d+)/.exec(rule)?.[1])).toEqual(['40002', '40001']);
  });

  it('divide source ranges exactly among pods and others', () => {
    const sources = (sourceRanges: readonly string[]) =>
      rules({ kind: 'LoadBalancer', ...local, sourceRanges }, withPods)
        .filter((rule) => rule.startsWith('-A KUBE-PORTALS-CONTAINER'))
        .map((rule) => [/ -s (\S+)/.exec(rule)?.[1], Number(/--to-ports (\d+)/.exec(rule)?.[1])]);
    expect(sources(['10.244.3.0/24', '192.0.2.0/24'])).toEqual([
      ['10.244.3.0/24', 40_001],
      ['192.0.2.0/24', 40_002],
    ]);
    expect(sources(['10.240.0.0/13'])).toEqual([
      ['10.244.0.0/16', 40_001],
      ['10.240.0.0/14', 40_002],
      ['10.246.0.0/15', 40_002],
      ['10.245.0.0/16', 40_002],
    ]);
  });
});

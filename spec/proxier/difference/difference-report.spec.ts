import { describe, expect, it } from 'vitest';
import type { ServiceState } from '../../../src/model/service-state.js';
import { differenceReport, isDifferent } from '../../../src/proxier/difference/difference-report.js';
import { readRuleSaves } from '../../../src/steering/kube-proxy-rules/rule-save.js';
import { kubeProxyRules, stateOfKubeProxyObjects } from '../../support/kube-proxy-fixture.js';

const state = stateOfKubeProxyObjects();

function compared(
  rules: string,
  { nodePortAddresses = [] as readonly string[], of = state as ServiceState } = {},
) {
  const read = { saves: readRuleSaves(rules), families: ['IPv4'], where: 'a file', warnings: [] } as const;
  return differenceReport(read, of, nodePortAddresses);
}

/** Rules of iptables mode that make no difference to where traffic from outside of the node goes. */
const NO_MATTER = [
  // Which source address the endpoint sees.
  /^-A \S+ .*-j KUBE-MARK-MASQ$/,
  /^-A KUBE-(MARK-MASQ|POSTROUTING) |^-A POSTROUTING /,
  // What may pass the table filter. Without what leads to its chains a Service without endpoints is not refused, and not served either.
  /^-A KUBE-(FORWARD|PROXY-FIREWALL) /,
  /^-A (INPUT|FORWARD|OUTPUT -m conntrack --ctstate NEW) /,
  // Another rule of the same endpoint tells the same.
  /^-A KUBE-SVC-\S+ .*-m recent --rcheck /,
];

describe('what a real kube-proxy 1.25 did, compared with what kube-splice makes of the same objects', () => {
  it('is the same in iptables mode', () => {
    const report = compared(kubeProxyRules('iptables'));
    expect(report).toMatchObject({
      mode: 'iptables',
      rules: 'a file',
      differences: [],
      nodePortAddresses: null,
    });
    expect(report).toMatchObject({ notCompared: [], warnings: [] });
    expect(report.compared).toEqual({
      kubeProxy: { servicePorts: 6, ways: 10 },
      kubeSplice: { servicePorts: 6, ways: 10 },
    });
    expect(isDifferent(report)).toBe(false);
  });

  it('is the same in userspace mode, but that it let everybody in', () => {
    const report = compared(kubeProxyRules('userspace'));
    expect(report.differences).toMatchObject([
      {
        servicePort: 'default/web:http',
        differing: 'source ranges',
        kubeProxy: [],
        kubeSplice: ['172.30.0.0/24'],
      },
    ]);
    expect(report.notCompared).toEqual([
      'endpoints and session affinity: the rules of userspace mode do not tell',
    ]);
    expect(isDifferent(report)).toBe(true);
  });

  const lines = kubeProxyRules('iptables').split('\n');
  const rules = [...lines.keys()].filter((index) => lines[index]?.startsWith('-A '));

  it('is another without any one of the rules of iptables mode that matter', () => {
    const overlooked = rules
      .filter((index) => {
        const report = compared(lines.toSpliced(index, 1).join('\n'));
        return !isDifferent(report) && report.warnings.length === 0;
      })
      .map((index) => lines[index] ?? '');
    expect(overlooked.filter((rule) => !NO_MATTER.some((pattern) => pattern.test(rule)))).toEqual([]);
    expect(rules.length - overlooked.length).toBeGreaterThan(30);
  });

  it('is another without any one of the ways into the portals of userspace mode', () => {
    const portals = kubeProxyRules('userspace').split('\n');
    const before = JSON.stringify(compared(portals.join('\n')).differences);
    const ways = [...portals.keys()].filter((index) => /^-A KUBE-\S+-CONTAINER /.test(portals[index] ?? ''));
    const overlooked = ways.filter(
      (index) => JSON.stringify(compared(portals.toSpliced(index, 1).join('\n')).differences) === before,
    );
    // An external IP has two: from elsewhere, and to an address of the node.
    expect(overlooked.map((index) => portals[index])).toEqual(
      portals.filter((line) => line.startsWith('-A KUBE-PORTALS-CONTAINER -d 172.30.0.100/32')),
    );
    expect(ways).toHaveLength(11);
  });

  it('is another where a Service is gone', () => {
    for (const [name] of state.servicePorts) {
      const servicePorts = new Map([...state.servicePorts].filter(([other]) => other !== name));
      const { differences } = compared(kubeProxyRules('iptables'), { of: { ...state, servicePorts } });
      expect(differences.length).toBeGreaterThan(0);
      for (const difference of differences)
        expect(difference).toMatchObject({ servicePort: name, differing: 'way', kubeSplice: null });
    }
  });

  it('is another where NodePorts are to be on some addresses only', () => {
    const report = compared(kubeProxyRules('iptables'), { nodePortAddresses: ['192.0.2.0/24'] });
    expect(report.nodePortAddresses).toContain('192.0.2.0/24');
    expect(isDifferent(report)).toBe(true);
  });

  it('is not compared for a family whose rules were not given', () => {
    const [first] = state.servicePorts;
    if (first === undefined) throw new Error('the fixture has no Service');
    const [name, servicePort] = first;
    const dualStack = { ...servicePort, clusterIPs: [...servicePort.clusterIPs, 'fd00::1'] };
    const servicePorts = new Map([...state.servicePorts, [name, dualStack]]);
    const report = compared(kubeProxyRules('iptables'), { of: { ...state, servicePorts } });
    expect(report).toMatchObject({ differences: [], notCompared: ['IPv6: its rules were not given'] });
  });
});

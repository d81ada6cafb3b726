import { describe, expect, it } from 'vitest';
import type { DifferenceReport } from '../../src/proxier/difference/difference-report.js';
import type { WayDifference } from '../../src/proxier/difference/way-differences.js';
import { differenceText } from '../../src/status/difference-text.js';

const SAME: DifferenceReport = {
  mode: 'iptables',
  rules: 'iptables-save',
  families: ['IPv4'],
  compared: { kubeProxy: { servicePorts: 1, ways: 1 }, kubeSplice: { servicePorts: 2, ways: 3 } },
  differences: [],
  nodePortAddresses: null,
  notCompared: [],
  warnings: [],
};

const CLUSTER_IP: WayDifference = {
  servicePort: 'a/b:c',
  kind: 'ClusterIP',
  protocol: 'TCP',
  family: 'IPv4',
  address: '10.96.0.1',
  port: 80,
  differing: 'endpoints',
  kubeProxy: ['10.0.0.1:80', '10.0.0.2:80'],
  kubeSplice: ['10.0.0.2:80', '10.0.0.3:80'],
  reason: null,
};
const NODE_PORT = { ...CLUSTER_IP, kind: 'NodePort', address: null, port: 30_080 } as const;

function linesOf(...differences: readonly WayDifference[]): readonly string[] {
  const lines = differenceText({ ...SAME, differences }).split('\n');
  return lines.slice(3, -3);
}

describe('the text of a comparison', () => {
  it('begins with what was compared, and ends with what was found', () => {
    expect(differenceText(SAME)).toBe(
      [
        'kube-proxy in iptables mode (iptables-save): 1 service port, 1 way in.',
        'kube-splice: 2 service ports, 3 ways in.',
        '',
        'No differences.',
        '',
      ].join('\n'),
    );
  });

  it('tells what was not compared, and what is odd', () => {
    const text = differenceText({ ...SAME, notCompared: ['IPv6: no rules'], warnings: ['something is odd'] });
    expect(text).toContain('Warning: something is odd.\nNot compared: IPv6: no rules.\n\nNo differences.\n');
  });

  it('has what one has alone behind its sign', () => {
    const [theirs, ours] = [
      { ...CLUSTER_IP, differing: 'way', kubeProxy: ['served'], kubeSplice: null } as const,
      { ...NODE_PORT, differing: 'way', kubeProxy: null, kubeSplice: ['served'], family: 'IPv6' } as const,
    ];
    expect(linesOf(theirs, ours)).toEqual(
      [
        'a/b:c',
        '  - ClusterIP 10.96.0.1:80/TCP: kube-proxy alone',
        '  + NodePort 30080/TCP (IPv6): kube-splice alone',
        '',
      ].slice(0, 3),
    );
  });

  it('has the endpoints that differ, and how many do not; ways that differ in the same stand together', () => {
    expect(linesOf(CLUSTER_IP, NODE_PORT)).toEqual([
      'a/b:c',
      '  ~ ClusterIP 10.96.0.1:80/TCP, NodePort 30080/TCP',
      '      endpoints: -10.0.0.1:80 +10.0.0.3:80, and 1 that both have',
    ]);
    expect(
      linesOf({ ...CLUSTER_IP, kubeProxy: ['[fd00::1]:80'], kubeSplice: [], address: 'fd00::9' }),
    ).toEqual(['a/b:c', '  ~ ClusterIP [fd00::9]:80/TCP', '      endpoints: -[fd00::1]:80']);
  });

  it('has a few of many endpoints', () => {
    const many = Array.from({ length: 20 }, (_, index) => `10.0.1.${index}:80`);
    const [, , line] = linesOf({ ...CLUSTER_IP, kubeProxy: [], kubeSplice: many });
    expect(line).toBe(
      `      endpoints: ${many
        .slice(0, 8)
        .map((key) => `+${key}`)
        .join(' ')} and 12 more`,
    );
  });

  it.each([
    [
      { differing: 'session affinity', kubeProxy: [], kubeSplice: ['ClientIP 600s'] },
      'kube-proxy none, kube-splice ClientIP 600s',
    ],
    [
      { differing: 'source ranges', kubeProxy: ['10.0.0.0/8'], kubeSplice: [] },
      'kube-proxy 10.0.0.0/8, kube-splice everyone',
    ],
    [
      { differing: 'outcome', kubeProxy: ['dropped'], kubeSplice: ['served'] },
      'kube-proxy dropped, kube-splice served',
    ],
  ] as const)('has both sides of %o', (difference, words) => {
    const [, way, line] = linesOf({ ...CLUSTER_IP, ...difference, kind: null });
    expect(way).toBe('  ~ 10.96.0.1:80/TCP');
    expect(line).toBe(`      ${difference.differing}: ${words}`);
  });

  it('has the reason of what is meant to be so, and counts those', () => {
    const sctp = {
      ...CLUSTER_IP,
      protocol: 'SCTP',
      differing: 'way',
      kubeSplice: null,
      reason: 'no SCTP',
    } as const;
    expect(linesOf(sctp)).toEqual([
      'a/b:c',
      '  - ClusterIP 10.96.0.1:80/SCTP: kube-proxy alone',
      '      no SCTP',
    ]);
    const report = { ...SAME, differences: [sctp, NODE_PORT], nodePortAddresses: 'NodePorts differ' };
    expect(differenceText(report)).toMatch(
      /\nNodePorts differ\.\n\n3 differences, 1 of them with a reason\.\n$/,
    );
  });

  it('obeys nothing that somebody wrote into the rules', () => {
    expect(differenceText({ ...SAME, rules: 'a\u001b[2Jb' })).not.toContain('\u001b');
  });
});

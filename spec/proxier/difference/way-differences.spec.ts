import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodePortDifference, wayDifferences } from '../../../src/proxier/difference/way-differences.js';
import type { KubeProxyRules } from '../../../src/steering/kube-proxy-rules/kube-proxy-rules.js';
import { firstOfEach, type ServedWay } from '../../../src/steering/kube-proxy-rules/served-way.js';

const WAY: ServedWay = {
  servicePort: 'a/b:c',
  kind: 'ClusterIP',
  protocol: 'TCP',
  family: 'IPv4',
  address: '10.96.0.1',
  port: 80,
  outcome: 'served',
  endpoints: ['10.0.0.1:80', '10.0.0.2:80'],
  affinitySeconds: 0,
  sourceRanges: [],
};

function differences(
  theirs: readonly ServedWay[],
  ours: readonly ServedWay[],
  {
    mode = 'iptables',
    families = ['IPv4', 'IPv6'],
    withoutRule = [],
  }: Partial<KubeProxyRules> & { withoutRule?: string[] } = {},
) {
  return wayDifferences(
    { mode, families, ways: theirs, nodePortAddresses: null, warnings: [] },
    { ways: ours, withoutRule: new Set(withoutRule), conflicts: [] },
  );
}

/** What is told of one way that is `WAY` but for this. */
function ofOne(
  theirs: Partial<ServedWay>,
  ours: Partial<ServedWay>,
  rest?: Parameters<typeof differences>[2],
) {
  return differences([{ ...WAY, ...theirs }], [{ ...WAY, ...ours }], rest).map(
    ({ differing, kubeProxy, kubeSplice, reason }) => ({ differing, kubeProxy, kubeSplice, reason }),
  );
}

const aWay: fc.Arbitrary<ServedWay> = fc.record({
  servicePort: fc.constantFrom('a/a', 'a/b:c', 'z/z', null),
  kind: fc.constantFrom('ClusterIP', 'NodePort', null),
  protocol: fc.constantFrom('TCP', 'UDP', 'SCTP'),
  family: fc.constant('IPv4'),
  address: fc.constantFrom('10.96.0.1', '10.96.0.2', null),
  port: fc.constantFrom(80, 443),
  outcome: fc.constantFrom('served', 'rejected', 'dropped', 'unserved'),
  endpoints: fc.option(fc.subarray(['10.0.0.1:80', '10.0.0.2:80'])),
  affinitySeconds: fc.constantFrom(0, 600, null),
  sourceRanges: fc.subarray(['10.0.0.0/8', '192.0.2.0/24']),
});
const ways = fc.array(aWay, { maxLength: 8 }).map(firstOfEach);

describe('the differences', () => {
  it('between what does the same are none, in whatever order', () => {
    fc.assert(
      fc.property(ways, fc.constantFrom('iptables', 'userspace'), (all, mode) => {
        expect(differences(all, all.toReversed(), { mode })).toEqual([]);
      }),
    );
  });

  it('of two are the same the other way round', () => {
    fc.assert(
      fc.property(ways, ways, (one, other) => {
        const there = differences(one, other).map((each) => [
          each.differing,
          each.kubeProxy,
          each.kubeSplice,
        ]);
        const back = differences(other, one).map((each) => [each.differing, each.kubeSplice, each.kubeProxy]);
        expect(there.map(String).toSorted()).toEqual(back.map(String).toSorted());
      }),
    );
  });

  it('tell of every way that one has alone', () => {
    fc.assert(
      fc.property(ways, fc.nat(7), (all, at) => {
        fc.pre(at < all.length);
        const without = all.toSpliced(at, 1);
        expect(differences(all, without)).toMatchObject([
          { differing: 'way', kubeSplice: null, port: all[at]?.port },
        ]);
        expect(differences(without, all)).toMatchObject([
          { differing: 'way', kubeProxy: null, port: all[at]?.port },
        ]);
      }),
    );
  });

  it('are told of each thing that a way has in another manner', () => {
    expect(ofOne({ servicePort: 'a/x' }, {})).toEqual([
      { differing: 'service port', kubeProxy: ['a/x'], kubeSplice: ['a/b:c'], reason: null },
    ]);
    expect(ofOne({ endpoints: ['10.0.0.1:80'] }, {})).toEqual([
      { differing: 'endpoints', kubeProxy: ['10.0.0.1:80'], kubeSplice: WAY.endpoints, reason: null },
    ]);
    expect(ofOne({ affinitySeconds: 10_800 }, {})).toEqual([
      { differing: 'session affinity', kubeProxy: ['ClientIP 10800s'], kubeSplice: [], reason: null },
    ]);
    expect(ofOne({}, { sourceRanges: ['10.0.0.0/8'] })).toEqual([
      { differing: 'source ranges', kubeProxy: [], kubeSplice: ['10.0.0.0/8'], reason: null },
    ]);
    expect(ofOne({ outcome: 'rejected', endpoints: null, affinitySeconds: null }, {})).toEqual([
      { differing: 'outcome', kubeProxy: ['rejected'], kubeSplice: ['served'], reason: null },
    ]);
  });

  it('are not told of what the rules of one do not tell', () => {
    expect(ofOne({ servicePort: null, kind: null, endpoints: null, affinitySeconds: null }, {})).toEqual([]);
    // A portal of userspace mode takes connections also where there are no endpoints.
    const rejected = { outcome: 'rejected', endpoints: null, affinitySeconds: null } as const;
    expect(ofOne({ endpoints: null, affinitySeconds: null }, rejected, { mode: 'userspace' })).toEqual([]);
    expect(differences([], [{ ...WAY, family: 'IPv6', address: 'fd00::1' }], { families: ['IPv4'] })).toEqual(
      [],
    );
  });

  it('have a reason where they are meant to be', () => {
    const [sctp] = differences([{ ...WAY, protocol: 'SCTP' }], []);
    expect(sctp?.reason).toBe('SCTP is not proxied in user space');
    const [ranges] = ofOne({}, { sourceRanges: ['10.0.0.0/8'] }, { mode: 'userspace' });
    expect(ranges?.reason).toContain('loadBalancerSourceRanges');
    const nowhere = { endpoints: null, affinitySeconds: null };
    const [refused] = ofOne({ ...nowhere, outcome: 'dropped' }, { ...nowhere, outcome: 'rejected' });
    expect(refused?.reason).toContain('refuses at once');
    const [direct] = ofOne({}, { endpoints: ['10.96.0.1:80'] }, { withoutRule: ['TCP 10.96.0.1 80'] });
    expect(direct?.reason).toContain('without a rule');
  });

  it('stand by service port', () => {
    const names = ['z/z', 'a/a', 'k/k'].map((servicePort, index) => ({
      ...WAY,
      servicePort,
      port: index + 1,
    }));
    expect(differences(names, []).map(({ servicePort }) => servicePort)).toEqual(['a/a', 'k/k', 'z/z']);
  });
});

describe('the addresses of NodePorts', () => {
  it.each([
    [null, []],
    [['192.0.2.1'], ['192.0.2.0/24']],
    [
      ['192.0.2.1', 'fd00::1'],
      ['192.0.2.0/24', 'fd00::/8'],
    ],
  ])('are the same: %j and %j', (theirs, ours) => {
    expect(nodePortDifference(theirs, ours)).toBeNull();
  });

  it.each([
    [null, ['192.0.2.0/24'], 'every address of the node, kube-splice on those in 192.0.2.0/24'],
    [['192.0.2.1'], [], 'on 192.0.2.1 alone, kube-splice on every address of the node'],
    [[], [], 'on no address alone'],
    [
      ['192.0.2.1', '198.51.100.1'],
      ['192.0.2.0/24'],
      'on 198.51.100.1, which --nodeport-addresses leaves out',
    ],
  ])('are others: %j and %j', (theirs, ours, words) => {
    expect(nodePortDifference(theirs, ours)).toContain(words);
  });
});

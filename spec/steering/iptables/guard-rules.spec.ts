import { describe, expect, it } from 'vitest';
import {
  GUARDS,
  groupsOfRules,
  guardGroups,
  guardRules,
  isGuarded,
  NO_GROUPS,
} from '../../../src/steering/iptables/guard-rules.js';
import type { RuleContext } from '../../../src/steering/iptables/redirect-rules.js';
import type { Capabilities } from '../../../src/steering/iptables/rule-text.js';
import { ALL_CAPABILITIES } from '../../../src/steering/iptables/rule-text.js';
import type { GuardedPortal } from '../../../src/steering/steering.js';
import { FakeIptables } from '../../support/iptables/fake-iptables.js';
import { aPlace } from '../../support/steering-values.js';

function context(has: Partial<Capabilities> = {}, family: RuleContext['family'] = 'IPv4'): RuleContext {
  return { family, place: aPlace(), has: { ...ALL_CAPABILITIES, ...has } };
}

function portal(protocol: GuardedPortal['protocol'], address: string, port: number): GuardedPortal {
  return { protocol, address, port };
}

const PORTALS = [
  portal('TCP', '0.0.0.0', 1),
  portal('TCP', '::', 2),
  portal('UDP', '192.0.2.1', 3),
  portal('UDP', 'fd00::1', 4),
  portal('TCP', '127.0.0.1', 5),
  portal('TCP', '::1', 6),
  portal('UDP', '0.0.0.0', 1),
];

describe('the portals that are guarded', () => {
  it('are those that packets of the family reach from off the node', () => {
    expect(guardGroups(PORTALS, context(), NO_GROUPS)).toEqual({ TCP: [[1, 2]], UDP: [[1, 3]] });
    expect(guardGroups(PORTALS, context({}, 'IPv6'), NO_GROUPS)).toEqual({ TCP: [[2]], UDP: [[4]] });
  });

  it('are none where the kernel cannot tell what was steered: all of it would be refused', () => {
    expect(guardGroups(PORTALS, context({ conntrack: false }), NO_GROUPS)).toEqual(NO_GROUPS);
  });

  it('stay in the groups that they were in', () => {
    const before = { TCP: [[2, 9], [1]], UDP: [] };
    expect(guardGroups(PORTALS.slice(0, 2), context(), before).TCP).toEqual([[2], [1]]);
  });

  it.each([
    ['0.0.0.0', true, false],
    ['192.0.2.1', true, false],
    ['127.0.0.1', false, false],
    ['127.8.0.1', false, false],
    ['::', true, true],
    ['fd00::1', false, true],
    ['::1', false, false],
  ])('listen on %s: with IPv4 %j, with IPv6 %j', (address, overIPv4, overIPv6) => {
    expect([isGuarded(address, 'IPv4'), isGuarded(address, 'IPv6')]).toEqual([overIPv4, overIPv6]);
  });
});

describe('the rules of the guard', () => {
  const groups = { TCP: [[40_001, 40_002], [40_003]], UDP: [[40_001]] };

  it('refuse TCP with a reset and drop UDP, several ports in a rule', () => {
    expect(
      guardRules(groups, context()).map(([chain, rule]) => [chain, rule.slice(`-A ${chain} `.length)]),
    ).toEqual([
      ['KUBE-PORTALS-GUARD', '-p tcp -m multiport --dports 40001,40002 -j KUBE-PORTALS-REFUSED'],
      ['KUBE-PORTALS-GUARD', '-p tcp -m multiport --dports 40003 -j KUBE-PORTALS-REFUSED'],
      ['KUBE-PORTALS-GUARD-UDP', '-p udp -m multiport --dports 40001 -j KUBE-PORTALS-REFUSED'],
      [
        'KUBE-PORTALS-REFUSED',
        '-p tcp -m comment --comment "sent straight to a portal" -j REJECT --reject-with tcp-reset',
      ],
      ['KUBE-PORTALS-REFUSED', '-p udp -m comment --comment "sent straight to a portal" -j DROP'],
    ]);
  });

  it('are more, and drop what cannot be reset, where the kernel has less', () => {
    const has = { multiport: false, reject: false, comment: false };
    expect(guardRules(groups, context(has)).map(([, rule]) => rule)).toEqual([
      '-A KUBE-PORTALS-GUARD -p tcp -m tcp --dport 40001 -j KUBE-PORTALS-REFUSED',
      '-A KUBE-PORTALS-GUARD -p tcp -m tcp --dport 40002 -j KUBE-PORTALS-REFUSED',
      '-A KUBE-PORTALS-GUARD -p tcp -m tcp --dport 40003 -j KUBE-PORTALS-REFUSED',
      '-A KUBE-PORTALS-GUARD-UDP -p udp -m udp --dport 40001 -j KUBE-PORTALS-REFUSED',
      '-A KUBE-PORTALS-REFUSED -p tcp -j DROP',
      '-A KUBE-PORTALS-REFUSED -p udp -j DROP',
    ]);
  });

  it.each([
    ['multiport', {}],
    ['one port a rule', { multiport: false }],
  ])('are printed as they are written, and say which groups they were made of, with %s', async (_, has) => {
    const fake = new FakeIptables();
    const made = guardRules(groups, context(has)).map(([, rule]) => rule);
    const chains = [...Object.values(GUARDS), 'KUBE-PORTALS-REFUSED'].map((chain) => `:${chain} - [0:0]`);
    await fake.somebody(
      'iptables-restore --noflush',
      `*filter\n${[...chains, ...made].join('\n')}\nCOMMIT\n`,
    );
    const saved = fake
      .saved('IPv4')
      .split('\n')
      .filter((line) => line.startsWith('-A'));
    expect(saved).toEqual(made);
    const ports = (sorted: readonly (readonly number[])[]) => sorted.flat().toSorted();
    const read = groupsOfRules(saved);
    expect([ports(read.TCP), ports(read.UDP)]).toEqual([[40_001, 40_002, 40_003], [40_001]]);
    if (!('multiport' in has)) expect(read).toEqual(groups);
  });

  it('say nothing of groups where they are those of somebody else', () => {
    expect(
      groupsOfRules([
        '-A INPUT -p tcp -m multiport --dports 1,2 -j KUBE-PORTALS-REFUSED',
        '-A KUBE-PORTALS-GUARD -j DROP',
      ]),
    ).toEqual(NO_GROUPS);
  });
});

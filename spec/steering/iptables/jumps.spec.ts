import { describe, expect, it } from 'vitest';
import { CHAINS, PROBE_CHAIN, TABLES } from '../../../src/steering/iptables/chains.js';
import { chainBehind, isOurJump, jumpsOf } from '../../../src/steering/iptables/jumps.js';
import type { RuleContext } from '../../../src/steering/iptables/redirect-rules.js';
import type { Capabilities } from '../../../src/steering/iptables/rule-text.js';
import { ALL_CAPABILITIES } from '../../../src/steering/iptables/rule-text.js';
import type { SteeringPlace } from '../../../src/steering/steering.js';
import { FakeIptables } from '../../support/iptables/fake-iptables.js';
import { aPlace } from '../../support/steering-values.js';

function context(has: Partial<Capabilities> = {}, place: Partial<SteeringPlace> = {}): RuleContext {
  return { family: 'IPv4', place: aPlace(place), has: { ...ALL_CAPABILITIES, ...has } };
}

const NODE_PORTS = 'handle service NodePorts; NOTE: this must be the last rule in the chain';

describe('the jumps of nat', () => {
  it('are those of kube-proxy: portals first, NodePorts last, from elsewhere and from the node', () => {
    expect(Object.fromEntries(jumpsOf('nat', context()))).toEqual({
      PREROUTING: {
        first: [
          '-A PREROUTING -m comment --comment "handle ClusterIPs; NOTE: this must be before the NodePort rules" -j KUBE-PORTALS-CONTAINER',
        ],
        last: [
          `-A PREROUTING -m addrtype --dst-type LOCAL -m comment --comment "${NODE_PORTS}" -j KUBE-NODEPORT-CONTAINER`,
        ],
      },
      OUTPUT: {
        first: [
          '-A OUTPUT -m comment --comment "handle ClusterIPs; NOTE: this must be before the NodePort rules" -j KUBE-PORTALS-HOST',
        ],
        last: [
          `-A OUTPUT -m addrtype --dst-type LOCAL -m comment --comment "${NODE_PORTS}" -j KUBE-NODEPORT-HOST`,
        ],
      },
    });
  });

  it('lead to NodePorts for the addresses that those are on, and only there', () => {
    const place = { nodePortAddresses: ['192.0.2.0/24', 'fd00::/64', '198.51.100.7/32'] };
    expect(jumpsOf('nat', context({ comment: false }, place)).get('OUTPUT')?.last).toEqual([
      '-A OUTPUT -d 192.0.2.0/24 -m addrtype --dst-type LOCAL -j KUBE-NODEPORT-HOST',
      '-A OUTPUT -d 198.51.100.7/32 -m addrtype --dst-type LOCAL -j KUBE-NODEPORT-HOST',
    ]);
    const ofIPv6 = { nodePortAddresses: ['fd00::/64'] };
    expect(jumpsOf('nat', context({}, ofIPv6)).get('OUTPUT')?.last).toEqual([]);
  });

  it('name each address of the node where the kernel cannot tell which those are', () => {
    const has = { addrtype: false, comment: false };
    expect(jumpsOf('nat', context(has)).get('PREROUTING')?.last).toEqual([
      '-A PREROUTING -d 127.0.0.1/32 -j KUBE-NODEPORT-CONTAINER',
      '-A PREROUTING -d 172.30.0.1/32 -j KUBE-NODEPORT-CONTAINER',
    ]);
    const place = { nodePortAddresses: ['172.30.0.0/16'] };
    expect(jumpsOf('nat', context(has, place)).get('PREROUTING')?.last).toEqual([
      '-A PREROUTING -d 172.30.0.1/32 -j KUBE-NODEPORT-CONTAINER',
    ]);
  });
});

describe('the jumps of filter', () => {
  it('refuse first what was sent straight to a portal, then what no portal may get; NodePorts are let in after that', () => {
    const jumps = jumpsOf('filter', context({ comment: false }));
    expect(Object.fromEntries(jumps)).toEqual({
      INPUT: {
        first: [
          '-A INPUT ! -i lo -p tcp -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j KUBE-PORTALS-GUARD',
          '-A INPUT ! -i lo -p udp -m conntrack ! --ctstate DNAT -j KUBE-PORTALS-GUARD-UDP',
          '-A INPUT -m conntrack --ctstate NEW -j KUBE-PORTALS-REJECT',
          '-A INPUT -j KUBE-NODEPORT-NON-LOCAL',
        ],
        last: [],
      },
      FORWARD: { first: ['-A FORWARD -m conntrack --ctstate NEW -j KUBE-PORTALS-REJECT'], last: [] },
      OUTPUT: { first: ['-A OUTPUT -m conntrack --ctstate NEW -j KUBE-PORTALS-REJECT'], last: [] },
    });
  });

  it('look at every packet where neither conntrack nor state tells which is the first, and guard nothing', () => {
    const inputOf = (has: Partial<Capabilities>) =>
      jumpsOf('filter', context({ comment: false, ...has })).get('INPUT')?.first;
    expect(inputOf({ conntrack: false })).toEqual([
      '-A INPUT -m state --state NEW -j KUBE-PORTALS-REJECT',
      '-A INPUT -j KUBE-NODEPORT-NON-LOCAL',
    ]);
    expect(inputOf({ conntrack: false, state: false })).toEqual([
      '-A INPUT -j KUBE-PORTALS-REJECT',
      '-A INPUT -j KUBE-NODEPORT-NON-LOCAL',
    ]);
  });
});

describe('all jumps', () => {
  it.each<[string, Partial<Capabilities>]>([
    ['all matches', {}],
    ['none of them', { comment: false, addrtype: false, conntrack: false, state: false }],
  ])('are ours, and are printed as they are written, with %s', async (_, has) => {
    const fake = new FakeIptables();
    for (const table of TABLES) {
      const rules = [...jumpsOf(table, context(has)).values()].flatMap(({ first, last }) => [
        ...first,
        ...last,
      ]);
      expect(rules.filter(isOurJump)).toEqual(rules);
      const chains = CHAINS[table].map((chain) => `:${chain} - [0:0]`);
      await fake.somebody(
        'iptables-restore --noflush',
        `*${table}\n${[...chains, ...rules].join('\n')}\nCOMMIT\n`,
      );
      const saved = await fake.somebody(`iptables-save -t ${table}`);
      expect(
        saved
          .split('\n')
          .filter((line) => line.startsWith('-A'))
          .toSorted(),
      ).toEqual(rules.toSorted());
    }
  });
});

describe('a jump of ours', () => {
  it.each([
    '-A PREROUTING -j KUBE-PORTALS-CONTAINER',
    '-A OUTPUT -g KUBE-NODEPORT-HOST',
    `-A INPUT -j ${PROBE_CHAIN}`,
    '-A INPUT -m comment --comment "say \\"-j ACCEPT\\" -j DROP" -j KUBE-PORTALS-GUARD',
  ])('is %s', (rule) => {
    expect(isOurJump(rule)).toBe(true);
  });

  it.each([
    '-A PREROUTING -j DOCKER',
    '-A PREROUTING',
    '-A OUTPUT -j KUBE-SERVICES',
    '-A OUTPUT -j KUBE-PORTALS-HOSTILE',
    '-A KUBE-PORTALS-HOST -j RETURN',
    '-A INPUT -m comment --comment "as -j KUBE-PORTALS-HOST did" -j ACCEPT',
    '-A INPUT -m comment --comment "a \\" -j KUBE-PORTALS-HOST b" -j ACCEPT',
  ])('is not %s', (rule) => {
    expect(isOurJump(rule)).toBe(false);
  });

  it('leads to a chain, as others lead to one or to a verdict, or nowhere', () => {
    expect(chainBehind('-A INPUT -j REJECT --reject-with tcp-reset')).toBe('REJECT');
    expect(chainBehind('-A INPUT -g A')).toBe('A');
    expect(chainBehind('-A INPUT -p tcp')).toBeUndefined();
  });
});

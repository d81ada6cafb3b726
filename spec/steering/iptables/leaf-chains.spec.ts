import fc from 'fast-check';
import { IPv4, IPv6 } from 'ip-num';
import { describe, expect, it } from 'vitest';
import { parseAddress } from '../../../src/model/address.js';
import {
  inLeaf,
  isLeafChain,
  LEAF_CHAINS,
  LEAF_COUNT,
  rulesToLeaves,
} from '../../../src/steering/iptables/leaf-chains.js';
import { ALL_CAPABILITIES } from '../../../src/steering/iptables/rule-text.js';

const CHAIN = 'KUBE-PORTALS-HOST';

function numberOf(address: string): bigint {
  return address.includes(':') ? new IPv6(address).getValue() : new IPv4(address).getValue();
}

/** The leaf that the kernel goes to with a packet: of the rules' masks, the one that its destination has. */
function leavesReached(address: string): string[] {
  const family = address.includes(':') ? 'IPv6' : 'IPv4';
  return rulesToLeaves(CHAIN, family, ALL_CAPABILITIES).flatMap((rule) => {
    const [, value = '', mask = '', leaf = ''] = / -d ([^/]+)\/(\S+) .* -j (\S+)$/.exec(rule) ?? [];
    return (numberOf(address) & numberOf(mask)) === numberOf(value) ? [leaf] : [];
  });
}

describe('the leaves of a divided chain', () => {
  it.each([
    ['IPv4', fc.ipV4()],
    ['IPv6', fc.ipV6()],
  ])('hold the rules of exactly the packets that are led there, %s', (_, addresses) => {
    fc.assert(
      fc.property(addresses, (text) => {
        const address = parseAddress(text)?.address;
        fc.pre(address !== undefined && (_ === 'IPv4') === !address.includes(':'));
        const rule = `-A ${CHAIN} -d ${address}/32 -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 1`;
        const [leaf, text2] = inLeaf(CHAIN, rule);
        expect(leavesReached(address ?? '')).toEqual([leaf]);
        expect(text2).toBe(rule.replace(CHAIN, leaf));
      }),
    );
  });

  it('have names of their own, which fit in what iptables takes', () => {
    expect(new Set(LEAF_CHAINS).size).toBe(2 * LEAF_COUNT);
    expect(LEAF_CHAINS.every((name) => name.length <= 28 && isLeafChain(name))).toBe(true);
    expect(isLeafChain('KUBE-PORTALS-HOST')).toBe(false);
    expect(isLeafChain('KUBE-PORTALS-HOST-40')).toBe(false);
  });

  it('find the source as well as the destination in its place', () => {
    const rule = `-A ${CHAIN} ! -s 10.0.0.1/32 -d 10.0.0.66/32 -j REDIRECT --to-ports 1`;
    expect(inLeaf(CHAIN, rule)[0]).toBe(`${CHAIN}-02`);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chainDifference } from '../../../src/steering/iptables/chain-difference.js';

const CHAIN = 'KUBE-PORTALS-HOST';
const rules = fc.array(
  fc.integer({ min: 1, max: 90 }).map((port) => `-A ${CHAIN} -p tcp -m tcp --dport ${port} -j DROP`),
  { maxLength: 80 },
);

/** What iptables-restore makes of such lines; a rule that is not there can't be removed. */
function applied(current: readonly string[] | null, lines: readonly string[]): string[] {
  const result = [...(current ?? [])];
  for (const line of lines) {
    if (line === `:${CHAIN} - [0:0]`) result.length = 0;
    else if (line.startsWith('-A ')) result.push(line);
    else {
      const index = result.indexOf(`-A${line.slice(2)}`);
      if (index === -1) throw new Error(`cannot be removed: ${line}`);
      result.splice(index, 1);
    }
  }
  return result;
}

describe('the difference of a chain', () => {
  it('makes it hold exactly what it is to hold, whatever it held', () => {
    fc.assert(
      fc.property(fc.option(rules), rules, (current, wanted) => {
        const lines = chainDifference(CHAIN, current, new Set(wanted));
        expect(applied(current, lines).toSorted()).toEqual([...new Set(wanted)].toSorted());
      }),
    );
  });

  it('is nothing where the chain is right, in whatever order and words', () => {
    const [one, other] = [`-A ${CHAIN} -d 10.0.0.1/32 -j DROP`, `-A ${CHAIN} -d 10.0.0.2/32 -j DROP`];
    expect(chainDifference(CHAIN, [other, one], new Set([one, other]))).toEqual([]);
    expect(chainDifference(CHAIN, [`-A ${CHAIN} -d 10.0.0.1 -j DROP`, other], new Set([one, other]))).toEqual(
      [],
    );
  });

  it('makes a chain that is missing, though it is to be empty', () => {
    expect(chainDifference(CHAIN, null, new Set())).toEqual([`:${CHAIN} - [0:0]`]);
  });

  it('removes a few rules one by one, and flushes the chain for many', () => {
    const many = Array.from({ length: 100 }, (_, port) => `-A ${CHAIN} -p tcp --dport ${port} -j DROP`);
    expect(chainDifference(CHAIN, many, new Set(many.slice(2)))).toHaveLength(2);
    expect(chainDifference(CHAIN, many, new Set(many.slice(60)))[0]).toBe(`:${CHAIN} - [0:0]`);
  });

  it('writes a chain anew where a rule is in it twice', () => {
    const rule = `-A ${CHAIN} -j DROP`;
    expect(chainDifference(CHAIN, [rule, rule], new Set([rule]))).toEqual([`:${CHAIN} - [0:0]`, rule]);
  });
});

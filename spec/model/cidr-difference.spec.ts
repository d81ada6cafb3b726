import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CIDR, parseCIDR } from '../../src/model/address.js';
import { cidrWithout, holds } from '../../src/model/cidr-difference.js';

function cidr(text: string): CIDR {
  const parsed = parseCIDR(text);
  if (parsed === undefined) throw new Error(`no CIDR: ${text}`);
  return parsed;
}

/** Blocks inside 10.0.0.0/24, so that they often have something in common. */
const blocks = fc
  .tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 24, max: 32 }))
  .map(([last, length]) => cidr(`10.0.0.${last}/${length}`));

const addresses = Array.from({ length: 256 }, (_, last) => cidr(`10.0.0.${last}/32`));

describe('a block without another one', () => {
  it('holds every address of the first that is not in the second, and no other', () => {
    fc.assert(
      fc.property(blocks, blocks, (block, taken) => {
        const left = cidrWithout(block, taken).map(cidr);
        for (const address of addresses) {
          const expected = holds(block, address) && !holds(taken, address);
          expect(left.filter((part) => holds(part, address))).toHaveLength(expected ? 1 : 0);
        }
      }),
    );
  });

  it('is made of one block for each bit that the prefixes differ by', () => {
    expect(cidrWithout(cidr('fd00::/8'), cidr('fd00:10::/32'))).toHaveLength(24);
    expect(cidrWithout(cidr('0.0.0.0/0'), cidr('128.0.0.0/1'))).toEqual(['0.0.0.0/1']);
  });
});

describe('a block', () => {
  it('holds what begins with its prefix, of its own family', () => {
    expect(holds(cidr('10.0.0.0/8'), cidr('10.9.0.0/16'))).toBe(true);
    expect(holds(cidr('10.9.0.0/16'), cidr('10.0.0.0/8'))).toBe(false);
    expect(holds(cidr('0.0.0.0/0'), cidr('::/0'))).toBe(false);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCIDRList, parseClusterCIDRs } from '../../src/config/cidr-list.js';

const NOT_A_CIDR = 'is not a CIDR; give one such as 10.0.0.0/8 or fd00::/64, with commas between several';

describe('a list of CIDRs', () => {
  it.each<[string, readonly string[]]>([
    ['', []],
    [' , ,', []],
    ['10.0.0.0/8', ['10.0.0.0/8']],
    ['10.0.0.0/8,fd00::/64', ['10.0.0.0/8', 'fd00::/64']],
    [' 10.0.0.0/8 , 192.0.2.0/24 ', ['10.0.0.0/8', '192.0.2.0/24']],
    ['192.0.2.7/24', ['192.0.2.0/24']],
    ['FD00:0::1/64', ['fd00::/64']],
    ['10.1.0.0/8,10.2.0.0/8,10.0.0.0/8', ['10.0.0.0/8']],
    ['0.0.0.0/0,::/0', ['0.0.0.0/0', '::/0']],
  ])('%j holds %j', (text, value) => {
    expect(parseCIDRList(text)).toEqual({ ok: true, value });
  });

  it.each([
    ['10.0.0.1', '10.0.0.1'],
    ['10.0.0.0/8,here', 'here'],
    ['10.0.0.0/8;11.0.0.0/8', '10.0.0.0/8;11.0.0.0/8'],
    ['10.0.0.0/33', '10.0.0.0/33'],
    ['fd00::/129', 'fd00::/129'],
    ['fd00::/64 fd01::/64', 'fd00::/64 fd01::/64'],
    ['/8', '/8'],
  ])('%j names %j as what is no CIDR', (text, part) => {
    expect(parseCIDRList(text)).toEqual({ ok: false, problem: `"${part}" ${NOT_A_CIDR}` });
  });

  it('says the same of the text that its own value is written as', () => {
    const octets = fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 4, maxLength: 4 });
    const cidr = fc
      .tuple(octets, fc.integer({ min: 0, max: 32 }))
      .map(([four, n]) => `${four.join('.')}/${n}`);
    fc.assert(
      fc.property(fc.array(cidr, { maxLength: 5 }), (cidrs) => {
        const parsed = parseCIDRList(cidrs.join(','));
        expect(parsed.ok).toBe(true);
        if (parsed.ok) expect(parseCIDRList(parsed.value.join(', '))).toEqual(parsed);
      }),
    );
  });
});

describe('the CIDRs of the pods', () => {
  it.each<[string, readonly string[]]>([
    ['', []],
    ['10.244.0.0/16', ['10.244.0.0/16']],
    ['fd00::/56,10.244.0.0/16', ['fd00::/56', '10.244.0.0/16']],
    ['10.244.0.0/16,10.244.1.0/16', ['10.244.0.0/16']],
  ])('are one of each family at most: %j holds %j', (text, value) => {
    expect(parseClusterCIDRs(text)).toEqual({ ok: true, value });
  });

  it.each(['10.0.0.0/8,11.0.0.0/8', 'fd00::/64,fd01::/64', '10.0.0.0/8,fd00::/64,11.0.0.0/8'])(
    'are not %j',
    (text) => {
      expect(parseClusterCIDRs(text)).toEqual({
        ok: false,
        problem: `"${text}" has two CIDRs of one family; give one of each at most`,
      });
    },
  );

  it('are told to be none where one of them is', () => {
    expect(parseClusterCIDRs('10.0.0.0/8,pods')).toEqual({ ok: false, problem: `"pods" ${NOT_A_CIDR}` });
  });
});

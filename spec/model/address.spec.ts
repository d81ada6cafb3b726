import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  cidrsOfFamily,
  isLoopback,
  parseAddress,
  parseCIDR,
  reachableAddress,
} from '../../src/model/address.js';

describe('parseAddress', () => {
  it.each([
    ['10.0.0.1', '10.0.0.1', 'IPv4'],
    ['0.0.0.0', '0.0.0.0', 'IPv4'],
    ['255.255.255.255', '255.255.255.255', 'IPv4'],
    ['::', '::', 'IPv6'],
    ['::1', '::1', 'IPv6'],
    ['0:0:0:0:0:0:0:0', '::', 'IPv6'],
    ['2001:DB8::A', '2001:db8::a', 'IPv6'],
    ['2001:0db8:0000:0000:0001:0000:0000:0001', '2001:db8::1:0:0:1', 'IPv6'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3', 'IPv6'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0', 'IPv6'],
    ['64:ff9b::10.0.0.1', '64:ff9b::a00:1', 'IPv6'],
  ])('reads %s as %s', (text, address, family) => {
    expect(parseAddress(text)).toEqual({ address, family });
  });

  it.each(['::ffff:10.0.0.1', '::FFFF:a00:1', '0:0:0:0:0:ffff:10.0.0.1'])(
    'reads the IPv4-mapped %s as the IPv4 address it maps',
    (text) => {
      expect(parseAddress(text)).toEqual({ address: '10.0.0.1', family: 'IPv4' });
    },
  );

  it.each([
    ['leading zeros', '010.0.0.1'],
    ['leading zeros in a mapped address', '::ffff:010.0.0.1'],
    ['three octets', '1.2.3'],
    ['five octets', '1.2.3.4.5'],
    ['an octet too large', '256.1.1.1'],
    ['a sign', '+1.2.3.4'],
    ['hexadecimal', '0x7f.0.0.1'],
    ['one number', '2130706433'],
    ['a space before', ' 1.2.3.4'],
    ['a line end after', '1.2.3.4\n'],
    ['digits that are not ASCII', '١.2.3.4'],
    ['a zone', 'fe80::1%eth0'],
    ['an empty zone', 'fe80::1%'],
    ['a prefix', '10.0.0.0/8'],
    ['an IPv6 prefix', '::1/64'],
    ['a port', '10.0.0.1:80'],
    ['brackets', '[::1]'],
    ['two gaps', '1::2::3'],
    ['three colons', '1:::2'],
    ['nine groups', '1:2:3:4:5:6:7:8:9'],
    ['a group too long', '12345::'],
    ['a name', 'localhost'],
    ['nothing', ''],
    ['the word that means headless', 'None'],
  ])('refuses %s', (_what, text) => {
    expect(parseAddress(text)).toBeUndefined();
  });

  it('answers at once for a text of a million digits', () => {
    expect(parseAddress(`1.2.3.${'9'.repeat(1_000_000)}`)).toBeUndefined();
  });

  it('accepts what Node accepts as an address, zones aside, and nothing else', () => {
    const nearly = fc.oneof(
      fc.ipV4(),
      fc.ipV6(),
      fc.string({ unit: fc.constantFrom(...'0123456789abcdefF.:%/ '), maxLength: 46 }),
    );
    fc.assert(
      fc.property(nearly, (text) => {
        expect(parseAddress(text) !== undefined).toBe(isIP(text) !== 0 && !text.includes('%'));
      }),
    );
  });

  it('gives a text that it reads as itself', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        const once = parseAddress(text);
        expect(once).toBeDefined();
        expect(parseAddress(once?.address ?? '')).toEqual(once);
      }),
    );
  });

  it('gives one text for every spelling of the same address', () => {
    const groups = fc.array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(groups, (numbers) => {
        const plain = numbers.map((number) => number.toString(16)).join(':');
        const padded = numbers.map((number) => number.toString(16).toUpperCase().padStart(4, '0')).join(':');
        expect(parseAddress(padded)).toEqual(parseAddress(plain));
      }),
    );
  });
});

describe('parseCIDR', () => {
  it.each([
    ['10.0.0.0/8', '10.0.0.0/8', 8, 'IPv4'],
    ['10.1.2.3/8', '10.0.0.0/8', 8, 'IPv4'],
    ['10.1.2.3/32', '10.1.2.3/32', 32, 'IPv4'],
    ['0.0.0.0/0', '0.0.0.0/0', 0, 'IPv4'],
    ['FD00::1/64', 'fd00::/64', 64, 'IPv6'],
    ['::/0', '::/0', 0, 'IPv6'],
    ['2001:db8::1/128', '2001:db8::1/128', 128, 'IPv6'],
  ])('reads %s as %s', (text, cidr, prefixLength, family) => {
    expect(parseCIDR(text)).toMatchObject({ cidr, prefixLength, family });
  });

  it.each([
    '10.0.0.0',
    '10.0.0.0/',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/08',
    '10.0.0.0/8/8',
    '10.0.0/8',
    '10.0.0.0/255.0.0.0',
    '::/129',
    'fe80::1%eth0/64',
    '::ffff:10.0.0.0/104',
    '/8',
    'everyone',
    '',
  ])('refuses %s', (text) => {
    expect(parseCIDR(text)).toBeUndefined();
  });
});

describe('where a client on this host reaches a listening socket', () => {
  it('is loopback of the same family where it listens on every address', () => {
    expect(['0.0.0.0', '::'].map(reachableAddress)).toEqual(['127.0.0.1', '::1']);
  });

  it('is the address it listens on elsewhere', () => {
    expect(['127.0.0.5', '192.0.2.1', '::1'].map(reachableAddress)).toEqual([
      '127.0.0.5',
      '192.0.2.1',
      '::1',
    ]);
  });
});

describe('CIDRs of a family', () => {
  it('are those of it; what is none is left out', () => {
    const cidrs = ['10.0.0.0/8', 'fd00::/64', 'nowhere', '192.0.2.1/24'];
    expect(cidrsOfFamily(cidrs, 'IPv4').map(({ cidr }) => cidr)).toEqual(['10.0.0.0/8', '192.0.2.0/24']);
    expect(cidrsOfFamily(cidrs, 'IPv6').map(({ cidr }) => cidr)).toEqual(['fd00::/64']);
  });
});

describe('a loopback address', () => {
  it.each([
    ['127.0.0.1', true],
    ['127.255.0.9', true],
    ['::1', true],
    ['128.0.0.1', false],
    ['::', false],
    ['10.127.0.1', false],
  ])('is %s: %j', (address, expected) => {
    expect(isLoopback(address)).toBe(expected);
  });
});

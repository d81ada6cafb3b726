import { describe, expect, it } from 'vitest';
import { isSourceChain, sourceChain } from '../../../src/steering/nftables/source-chains.js';

describe('the chain of sources', () => {
  it('lets each range go on, once, and drops all others', () => {
    const ranges = ['192.0.2.7/32', '10.1.0.0/16', '10.0.0.5/8', '10.0.0.0/8', 'fd00::/8'];
    expect(sourceChain(ranges, 'IPv4')?.rules).toEqual([
      'ip saddr 10.0.0.0/8 return',
      'ip saddr 192.0.2.7 return',
      'drop',
    ]);
    expect(sourceChain(ranges, 'IPv6')?.rules).toEqual(['ip6 saddr fd00::/8 return', 'drop']);
  });

  it('is one for the same sources, in whatever order, and another one for others', () => {
    const name = (...ranges: readonly string[]) => sourceChain(ranges, 'IPv4')?.name;
    expect(name('10.0.0.0/8', '192.0.2.0/24')).toBe(name('192.0.2.0/24', '10.0.0.0/8', '10.1.0.0/16'));
    expect(name('10.0.0.0/8')).not.toBe(name('192.0.2.0/24'));
    expect(isSourceChain(name('10.0.0.0/8') ?? '')).toBe(true);
    // A kernel before 4.14 takes no longer name.
    expect(name('10.0.0.0/8')?.length).toBeLessThan(32);
  });

  it('is not there where everyone may come', () => {
    expect(sourceChain([], 'IPv4')).toBeNull();
    expect(sourceChain(['10.0.0.0/8', '0.0.0.0/0'], 'IPv4')).toBeNull();
  });

  it('drops everyone where the ranges are of the other family, or of none', () => {
    expect(sourceChain(['0.0.0.0/0'], 'IPv6')?.rules).toEqual(['drop']);
    expect(sourceChain(['everyone'], 'IPv4')?.rules).toEqual(['drop']);
  });
});

import { describe, expect, it } from 'vitest';
import { isAtLeast, parseRelease, waitFlags } from '../../../src/steering/iptables/release.js';

describe('the release of iptables', () => {
  it.each([
    ['iptables v1.8.9 (nf_tables)', [1, 8, 9], 'nft'],
    ['iptables v1.8.9 (legacy)\n', [1, 8, 9], 'legacy'],
    ['iptables v1.4.7', [1, 4, 7], 'legacy'],
    ['iptables v1.6', [1, 6, 0], 'legacy'],
    ['ip6tables v1.4.21', [1, 4, 21], 'legacy'],
    ['what is this?', [1, 4, 11], 'legacy'],
    ['', [1, 4, 11], 'legacy'],
  ] as const)('is read from %j', (text, release, variant) => {
    expect(parseRelease(text)).toEqual({ release, variant });
  });

  it('is compared part by part', () => {
    expect(isAtLeast([1, 10, 0], [1, 9, 9])).toBe(true);
    expect(isAtLeast([1, 4, 21], [1, 4, 22])).toBe(false);
    expect(isAtLeast([1, 6, 2], [1, 6, 2])).toBe(true);
  });

  it('decides how iptables-restore waits for the lock', () => {
    expect(waitFlags([1, 6, 1])).toBeNull();
    expect(waitFlags([1, 6, 2])).toEqual(['-w', '5', '-W', '100000']);
    expect(waitFlags([1, 8, 9])).toEqual(['-w', '5']);
  });
});

import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../bench/options.js';
import { parseSyncOptions } from '../../../bench/sync/options.js';

describe('parseSyncOptions', () => {
  it('measures everything where nothing else is asked for', () => {
    expect(parseSyncOptions([], 'main.js')).toEqual({
      only: ['portals', 'rules', 'starts'],
      sizes: [10, 100, 10_000],
      steeredSizes: [1_000, 10_000],
      starts: 3,
      repetitions: 300,
      filters: ['iptables-legacy', 'iptables-nft', 'nftables'],
      loads: 5,
      changes: 10,
      program: 'main.js',
      json: null,
      help: false,
    });
  });

  it('takes what is asked for', () => {
    const argv = [
      '--only rules,portals --services 4,20 --starts 1 --repetitions 5 --steering nftables,iptables-legacy',
      '--loads 2 --changes 3 --program other.js --json out.json',
    ].flatMap((part) => part.split(' '));
    expect(parseSyncOptions(argv, 'main.js')).toEqual({
      only: ['portals', 'rules'],
      sizes: [4, 20],
      steeredSizes: [4, 20],
      starts: 1,
      repetitions: 5,
      filters: ['iptables-legacy', 'nftables'],
      loads: 2,
      changes: 3,
      program: 'other.js',
      json: 'out.json',
      help: false,
    });
  });

  it.each([
    ['--services', '1'],
    ['--services', '10,'],
    ['--services', '20000'],
    ['--starts', '0'],
    ['--repetitions', '1.5'],
    ['--loads', '0'],
    ['--changes', '2.5'],
    ['--only', 'rules,relay'],
    ['--steering', 'none'],
    ['--steering', ''],
    ['--rounds', '3'],
  ])('refuses %s %s', (flag, value) => {
    expect(() => parseSyncOptions([flag, value], 'main.js')).toThrow(UsageError);
  });
});

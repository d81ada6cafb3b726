import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../bench/options.js';
import { parseSyncOptions } from '../../../bench/sync/options.js';

describe('parseSyncOptions', () => {
  it('measures three sizes where nothing else is asked for', () => {
    expect(parseSyncOptions([], 'main.js')).toEqual({
      sizes: [10, 100, 10_000],
      starts: 3,
      repetitions: 300,
      program: 'main.js',
      json: null,
      help: false,
    });
  });

  it('takes what is asked for', () => {
    const argv = '--services 4,20 --starts 1 --repetitions 5 --program other.js --json out.json'.split(' ');
    expect(parseSyncOptions(argv, 'main.js')).toEqual({
      sizes: [4, 20],
      starts: 1,
      repetitions: 5,
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
    ['--rounds', '3'],
  ])('refuses %s %s', (flag, value) => {
    expect(() => parseSyncOptions([flag, value], 'main.js')).toThrow(UsageError);
  });
});

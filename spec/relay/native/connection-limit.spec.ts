import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { NATIVE_RELAY_MISSING } from '../../support/native-relay-program.js';

const NATIVE = join(import.meta.dirname, '../../../native');
const THREADS = 4;
const ROUNDS = 20_000;

/** What native/test/connection-limit-laws.cpp prints, by the first word of each line. */
function hammered(limit: number): Readonly<Record<string, string>> {
  const program = join(NATIVE, 'build/connection-limit-laws');
  const printed = execFileSync(program, [`${THREADS}`, `${limit}`, `${ROUNDS}`], { encoding: 'utf8' });
  return Object.fromEntries(
    printed
      .trim()
      .split('\n')
      .map((line) => [line.replace(/ .*/, ''), line.replace(/^\S+ /, '')]),
  );
}

describe.skipIf(NATIVE_RELAY_MISSING)(
  'a limit of connections of the native relay (skipped where it is not built)',
  () => {
    beforeAll(() => {
      execFileSync('make', ['-s', '-C', NATIVE, 'limit-laws']);
    });

    it.each([1, 2, 3])('of %i is never passed by four threads, and told once', (limit) => {
      const { most, refused, told, left } = hammered(limit);
      expect({ most, told, left }).toEqual({ most: `${limit}`, told: '1', left: `${limit}` });
      expect(Number(refused)).toBeGreaterThan(0);
    });

    it('is told again when a minute has passed, and not before', () => {
      expect(hammered(1).again).toBe('0 1');
    });
  },
);

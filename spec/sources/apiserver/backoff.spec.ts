import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Backoff } from '../../../src/sources/apiserver/backoff.js';

const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

function waits(randoms: readonly number[]): number[] {
  const rest = [...randoms];
  const backoff = new Backoff(() => rest.shift() ?? 0);
  return randoms.map(() => backoff.next());
}

describe('the wait between two tries', () => {
  it('doubles from 0.8 s, and ends at 15 to 30 s', () => {
    expect(waits([0, 0, 0, 0, 0, 0, 0, 0])).toEqual([
      800, 1_600, 3_200, 6_400, 12_800, 15_000, 15_000, 15_000,
    ]);
    const longest = waits(Array.from({ length: 8 }, () => 1 - Number.EPSILON));
    expect(longest.map(Math.round)).toEqual([1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000, 30_000]);
  });

  it('is within 0.8 and 30 s, whatever chance says', () => {
    fc.assert(
      fc.property(fc.array(random, { maxLength: 40 }), (randoms) => {
        for (const wait of waits(randoms)) {
          expect(wait).toBeGreaterThanOrEqual(800);
          expect(wait).toBeLessThanOrEqual(30_000);
        }
      }),
    );
  });

  it('differs from node to node', () => {
    expect(waits([0.25])).not.toEqual(waits([0.75]));
  });

  it('is a first one again after a success', () => {
    const backoff = new Backoff(() => 0);
    backoff.next();
    backoff.next();
    backoff.reset();
    expect(backoff.next()).toBe(800);
  });
});

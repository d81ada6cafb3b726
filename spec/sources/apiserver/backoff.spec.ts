import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KubeSpliceError } from '../../../src/model/errors.js';
import { ApiStatusError } from '../../../src/sources/apiserver/access/api-status-error.js';
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

describe('the wait after a failure', () => {
  const busy = (retryAfterMs: number | null) =>
    new ApiStatusError('APISERVER_BUSY', 'busy', { status: 429, retryAfterMs });

  it.each([
    ['what the server asks for', 7_000, 7_000],
    ['five minutes at most', 3_600_000, 300_000],
    ['its own where the server asks for none', null, 800],
    ['its own where the server asks for next to none', 10, 800],
  ])('is %s', (_, asked, wait) => {
    expect(new Backoff(() => 0).after(busy(asked))).toBe(wait);
  });

  it('is a little longer than asked, by chance', () => {
    expect(new Backoff(() => 0.5).after(busy(10_000))).toBe(10_500);
  });

  it('is its own where nothing was answered', () => {
    expect(new Backoff(() => 0).after(new KubeSpliceError('APISERVER_UNREACHABLE', 'away'))).toBe(800);
  });
});

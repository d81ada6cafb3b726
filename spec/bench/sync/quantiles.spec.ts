import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quantiles } from '../../../bench/sync/quantiles.js';

describe('quantiles', () => {
  it('are figures that were measured, in whatever order', () => {
    const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect(quantiles(hundred)).toEqual({ count: 100, median: 50, p99: 99, worst: 100 });
    expect(quantiles([3, 1, 2])).toEqual({ count: 3, median: 2, p99: 3, worst: 3 });
    expect(quantiles([7])).toEqual({ count: 1, median: 7, p99: 7, worst: 7 });
  });

  it('leave no more above them than they say', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true }), { minLength: 1 }), (figures) => {
        const { median, p99, worst } = quantiles(figures);
        const above = (bound: number): number => figures.filter((figure) => figure > bound).length;
        expect(above(median)).toBeLessThanOrEqual(figures.length / 2);
        expect(above(p99)).toBeLessThanOrEqual(figures.length / 100);
        expect(above(worst)).toBe(0);
      }),
    );
  });

  it('are none of nothing', () => {
    expect(() => quantiles([])).toThrow(RangeError);
  });
});

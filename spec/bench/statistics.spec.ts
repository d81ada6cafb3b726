import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { spread, spreadIfComplete } from '../../bench/statistics.js';

const figures = fc.array(fc.integer({ min: -1e6, max: 1e6 }), { minLength: 1, maxLength: 20 });

describe('spread', () => {
  it.each([
    [[3], { median: 3, min: 3, max: 3 }],
    [[9, 1], { median: 5, min: 1, max: 9 }],
    [[10, 9, 1], { median: 9, min: 1, max: 10 }],
    [[4, 1, 3, 2], { median: 2.5, min: 1, max: 4 }],
  ])('of %j is %j', (several, expected) => {
    expect(spread(several)).toEqual(expected);
  });

  it('has at most half of the figures on either side of its median, whatever their order', () => {
    fc.assert(
      fc.property(figures, (several) => {
        const { median, min, max } = spread(several);
        expect(several.filter((one) => one < median).length).toBeLessThanOrEqual(several.length / 2);
        expect(several.filter((one) => one > median).length).toBeLessThanOrEqual(several.length / 2);
        expect([min, max]).toEqual([Math.min(...several), Math.max(...several)]);
        expect(spread(several.toReversed())).toEqual({ median, min, max });
      }),
    );
  });

  it('refuses to make a figure out of none', () => {
    expect(() => spread([])).toThrow('no figures');
  });
});

describe('spreadIfComplete', () => {
  it('is the spread where every figure is known', () => {
    expect(spreadIfComplete([1, 2, 6])).toEqual({ median: 2, min: 1, max: 6 });
  });

  it.each([[[]], [[null]], [[1, null, 3]]])('is nothing of %j', (several) => {
    expect(spreadIfComplete(several)).toBeNull();
  });
});

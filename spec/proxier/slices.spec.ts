import { describe, expect, it } from 'vitest';
import { slicesOf } from '../../src/proxier/slices.js';

describe('slices', () => {
  it('hold the whole in its order, the last of them smaller', () => {
    expect([...slicesOf([1, 2, 3, 4, 5], 2)].map((slice) => [...slice])).toEqual([[1, 2], [3, 4], [5]]);
  });

  it('are none of nothing, and no empty one follows a full one', () => {
    expect([...slicesOf([], 2)]).toEqual([]);
    expect([...slicesOf([1, 2], 2)]).toHaveLength(1);
  });
});

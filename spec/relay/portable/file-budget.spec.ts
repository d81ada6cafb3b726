import { describe, expect, it } from 'vitest';
import { FileBudget } from '../../../src/relay/portable/file-budget.js';

describe('the file budget', () => {
  it('keeps an eighth of its files for clients that wait, at least one and at most 256', () => {
    expect([4, 80, 100_000].map((limit) => new FileBudget(limit).waitingRoom)).toEqual([1, 10, 256]);
  });

  it('has room until what is left is the waiting room', () => {
    const budget = new FileBudget(16);
    budget.take(12);
    expect([budget.hasRoomFor(2), budget.hasRoomFor(3)]).toEqual([true, false]);
  });

  it('has room again when files are given back', () => {
    const budget = new FileBudget(16);
    budget.take(14);
    budget.give(2);
    expect(budget.hasRoomFor(2)).toBe(true);
    expect(budget.used).toBe(12);
  });
});

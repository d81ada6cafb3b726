import { describe, expect, it } from 'vitest';
import { Interned } from '../../src/model/interned.js';

describe('Interned', () => {
  it('makes a value once for each key', () => {
    const lists = new Interned<string[]>();
    const first = lists.of('a', (key) => [key]);
    expect(first).toEqual(['a']);
    expect(lists.of('a', (key) => [key])).toBe(first);
    expect(lists.of('b', (key) => [key])).not.toBe(first);
  });

  it('lets go of what it held when it is full', () => {
    const lists = new Interned<string[]>();
    const first = lists.of('a', (key) => [key]);
    for (let index = 0; index < 10_000; index += 1) lists.of(`other-${index}`, (key) => [key]);
    const again = lists.of('a', (key) => [key]);
    expect(again).not.toBe(first);
    expect(again).toEqual(first);
  });
});

import { describe, expect, it } from 'vitest';
import { Settling } from '../../../src/sources/manifests/settling.js';

describe('Settling', () => {
  it('is over when nothing has changed for as long as it takes', () => {
    const settling = new Settling();
    const looks: [string, number][] = [
      ['a', 0],
      ['a', 49],
      ['b', 50],
      ['b', 99],
      ['b', 100],
    ];
    expect(looks.map(([look, now]) => settling.isSettled(look, now, 50))).toEqual([
      false,
      false,
      false,
      false,
      true,
    ]);
  });

  it('begins anew when it is told to', () => {
    const settling = new Settling();
    settling.isSettled('a', 0, 50);
    settling.forget();
    expect(settling.isSettled('a', 60, 50)).toBe(false);
  });
});

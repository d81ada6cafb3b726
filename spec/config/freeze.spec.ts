import { describe, expect, it } from 'vitest';
import { deepFreeze } from '../../src/config/freeze.js';

describe('deepFreeze', () => {
  it('freezes what a value holds, also where the value itself was frozen already', () => {
    const value = Object.freeze({ list: [{ port: 1 }], nothing: null });
    expect(deepFreeze(value)).toBe(value);
    expect(Object.isFrozen(value.list)).toBe(true);
    expect(Object.isFrozen(value.list[0])).toBe(true);
  });

  it('leaves what cannot be frozen as it is', () => {
    expect(deepFreeze('text')).toBe('text');
    expect(deepFreeze(null)).toBeNull();
  });
});

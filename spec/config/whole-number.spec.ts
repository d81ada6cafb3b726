import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseWholeNumber } from '../../src/config/whole-number.js';

describe('parseWholeNumber', () => {
  it('reads every number of its bounds, both included', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1_000, max: 1_000 }), (value) => {
        expect(parseWholeNumber(`${value}`, -1_000, 1_000)).toEqual({ ok: true, value });
      }),
    );
  });

  it.each(['', ' 1', '1 ', '1.5', '1e2', '0x10', '010', '+1', '--1', 'one', '1_000', '٣', 'NaN', 'Infinity'])(
    'refuses %j',
    (text) => {
      expect(parseWholeNumber(text, 0, 31)).toEqual({
        ok: false,
        problem: `${JSON.stringify(text)} is not a whole number from 0 to 31`,
      });
    },
  );

  it.each(['-1', '32', '99999999999999999999'])('refuses %s, beyond its bounds', (text) => {
    expect(parseWholeNumber(text, 0, 31)).toEqual({
      ok: false,
      problem: `"${text}" is not a whole number from 0 to 31`,
    });
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonTokens } from '../../../src/sources/manifests/json-tokens.js';

describe('jsonTokens', () => {
  it('gives every token and where it is', () => {
    const text = ' {"a\\"{": [1.5e3,true ,"\\\\"]}';
    const tokens = [...jsonTokens(text)].map(({ type, start, end }) => [type, text.slice(start, end)]);
    expect(tokens).toEqual([
      ['{', '{'],
      ['string', '"a\\"{"'],
      [':', ':'],
      ['[', '['],
      ['scalar', '1.5e3'],
      [',', ','],
      ['scalar', 'true'],
      [',', ','],
      ['string', '"\\\\"'],
      [']', ']'],
      ['}', '}'],
    ]);
  });

  it('puts JSON together again but for its spaces', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(4), (json, indent) => {
        const text = JSON.stringify(JSON.parse(json), null, indent);
        const again = [...jsonTokens(text)].map(({ start, end }) => text.slice(start, end)).join('');
        expect(again).toBe(JSON.stringify(JSON.parse(json)));
      }),
    );
  });

  it('ends, whatever the text, and goes over nothing twice', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'{}[],:"\\a1 \n') }), (text) => {
        let last = 0;
        for (const { start, end } of jsonTokens(text)) {
          expect(start).toBeGreaterThanOrEqual(last);
          expect(end).toBeGreaterThan(start);
          last = end;
        }
        expect(last).toBeLessThanOrEqual(text.length);
      }),
    );
  });
});

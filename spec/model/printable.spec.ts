import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { printable, quoted } from '../../src/model/printable.js';

const BREAKS_OUT = /[\p{Cc}\p{Zl}\p{Zp}]/u;

describe('printable', () => {
  it.each([
    ['plain text, "quotes", \\ and ünïcödé 漢字', 'plain text, "quotes", \\ and ünïcödé 漢字'],
    ['two\nlines\r\n\tand a tab', 'two\\nlines\\r\\n\\tand a tab'],
    ['\u001b[31mred\u0007', '\\u001b[31mred\\u0007'],
    ['\u0000\u007f\u009b', '\\u0000\\u007f\\u009b'],
    ['\u2028\u2029\u0085', '\\u2028\\u2029\\u0085'],
    ['gnp\u202egpj', 'gnp\\u202egpj'],
    ['zero\u200bwidth', 'zero\\u200bwidth'],
    ['\u{e0041}', '\\udb40\\udc41'],
    ['half \ud800 a pair', 'half \\ud800 a pair'],
  ])('shows %j', (text, shown) => {
    expect(printable(text)).toBe(shown);
  });

  it('never lets a line end, nor a control character through', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(BREAKS_OUT.test(printable(text))).toBe(false);
      }),
    );
  });

  it('leaves JSON the value that it was', () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        expect(JSON.parse(printable(JSON.stringify(JSON.parse(json))))).toEqual(JSON.parse(json));
      }),
    );
  });
});

describe('quoted', () => {
  it('is a JSON string that is read back as the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(JSON.parse(quoted(text))).toBe(text);
        expect(BREAKS_OUT.test(quoted(text))).toBe(false);
      }),
    );
  });
});

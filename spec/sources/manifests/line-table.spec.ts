import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineTable } from '../../../src/sources/manifests/line-table.js';

describe('LineTable', () => {
  it('counts from 1, a line end belonging to the line it ends', () => {
    const lines = new LineTable('a\n\nb');
    expect([0, 1, 2, 3].map((offset) => lines.lineOf(offset))).toEqual([1, 1, 2, 3]);
  });

  it('knows the line of every offset of every text', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', '\n', '\r') }), (text) => {
        const lines = new LineTable(text);
        for (let offset = 0; offset <= text.length; offset += 1)
          expect(lines.lineOf(offset)).toBe(text.slice(0, offset).split('\n').length);
      }),
    );
  });
});

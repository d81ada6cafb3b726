import { describe, expect, it } from 'vitest';
import { figure, table } from '../../bench/table.js';

describe('table', () => {
  it('is Markdown whose columns line up: text to the left, figures to the right', () => {
    const rows = [
      ['requests', 'direct', '41,200'],
      ['requests', 'portable', '9.81'],
    ];
    expect(table(['', 'peer', 'median'], rows, 2).split('\n')).toEqual([
      '|          | peer     | median |',
      '| -------- | -------- | -----: |',
      '| requests | direct   | 41,200 |',
      '| requests | portable |   9.81 |',
    ]);
  });
});

describe('figure', () => {
  it.each([
    [0, '0.00'],
    [0.51234, '0.512'],
    [9.806, '9.81'],
    [999.6, '1,000'],
    [41_234, '41,200'],
    [1_234_567, '1,230,000'],
  ])('of %d is %s', (value, text) => {
    expect(figure(value)).toBe(text);
  });
});

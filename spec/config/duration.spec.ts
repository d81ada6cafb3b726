import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDuration, parseDuration, parsePeriod, parseTimeout } from '../../src/config/duration.js';

function milliseconds(text: string): number {
  const result = parseDuration(text);
  if (!result.ok) throw new Error(result.problem);
  return result.value;
}

describe('parseDuration', () => {
  it.each([
    ['0', 0],
    ['-0', 0],
    ['250ms', 250],
    ['1m30s', 90_000],
    ['2h22m', 8_520_000],
    ['1.5h', 5_400_000],
    ['.5s', 500],
    ['5.s', 5_000],
    ['+3s', 3_000],
    ['-1.5s', -1_500],
    ['1h1m1s1ms1us1ns', 3_661_001.001001],
    ['7us', 0.007],
    ['7µs', 0.007],
    ['7μs', 0.007],
    ['1ns', 0.000001],
    ['30s1m', 90_000],
    ['15m0s', 900_000],
    ['2562047h47m16.854775807s', 9_223_372_036_854.775],
  ])('reads %s as Go does: %d ms', (text, expected) => {
    expect(milliseconds(text)).toBeCloseTo(expected, 6);
  });

  it.each([
    '',
    '-',
    '+',
    '.',
    '.s',
    's',
    '30',
    '1.5',
    '1 s',
    ' 1s',
    '1s ',
    '1m 30s',
    '1d',
    '1S',
    '--1s',
    '1s-1s',
  ])('refuses %j', (text) => {
    expect(parseDuration(text)).toEqual({
      ok: false,
      problem: `${JSON.stringify(text)} is not a duration; give one such as 250ms or 1m30s`,
    });
  });

  it('refuses what Go cannot hold, and says how long a duration may be', () => {
    expect(parseDuration('2562048h')).toEqual({
      ok: false,
      problem: '"2562048h" is too long for a duration; the longest is 292 years, 2562047h',
    });
    expect(parseDuration('-2562048h').ok).toBe(false);
  });

  it('refuses a text of a megabyte without computing with it', () => {
    expect(parseDuration(`${'9'.repeat(1_000_000)}h`).ok).toBe(false);
  });

  it('adds up its terms, whatever their number and order', () => {
    const term = fc.tuple(
      fc.integer({ min: 0, max: 10_000 }),
      fc.constantFrom(['ms', 1], ['s', 1_000], ['m', 60_000], ['h', 3_600_000] as const),
    );
    fc.assert(
      fc.property(fc.array(term, { minLength: 1, maxLength: 8 }), (terms) => {
        const text = terms.map(([count, [unit]]) => `${count}${unit}`).join('');
        expect(milliseconds(text)).toBe(
          terms.reduce((sum, [count, [, size]]) => sum + count * Number(size), 0),
        );
      }),
    );
  });
});

describe('formatDuration', () => {
  it.each([
    [0, '0s'],
    [250, '250ms'],
    [0.5, '0.5ms'],
    [1_500, '1.5s'],
    [30_000, '30s'],
    [90_000, '1m30s'],
    [900_000, '15m'],
    [8_520_000, '2h22m'],
    [3_600_001, '1h0.001s'],
    [-1_500, '-1.5s'],
  ])('writes %d ms as %s', (value, text) => {
    expect(formatDuration(value)).toBe(text);
  });

  it('is read back as what it was', () => {
    fc.assert(
      fc.property(fc.integer({ min: -9_000_000_000_000, max: 9_000_000_000_000 }), (value) => {
        expect(milliseconds(formatDuration(value))).toBe(value);
      }),
    );
  });
});

describe('parsePeriod', () => {
  it('gives whole milliseconds, rounded up, for a timer never fires early', () => {
    expect(parsePeriod('1500us')).toEqual({ ok: true, value: 2 });
    expect(parsePeriod('1ns')).toEqual({ ok: true, value: 1 });
    expect(parsePeriod('250ms')).toEqual({ ok: true, value: 250 });
  });

  it.each([
    ['-5s', '"-5s" must not be negative'],
    ['0', '"0" must be more than 0'],
    ['0s', '"0s" must be more than 0'],
    ['soon', '"soon" is not a duration; give one such as 250ms or 1m30s'],
  ])('refuses %s', (text, problem) => {
    expect(parsePeriod(text)).toEqual({ ok: false, problem });
  });
});

describe('parseTimeout', () => {
  it('takes no time at all, and gives whole milliseconds, rounded up', () => {
    expect(parseTimeout('0s')).toEqual({ ok: true, value: 0 });
    expect(parseTimeout('1500us')).toEqual({ ok: true, value: 2 });
  });

  it.each([
    ['-5s', '"-5s" must not be negative'],
    ['soon', '"soon" is not a duration; give one such as 250ms or 1m30s'],
  ])('refuses %s', (text, problem) => {
    expect(parseTimeout(text)).toEqual({ ok: false, problem });
  });
});

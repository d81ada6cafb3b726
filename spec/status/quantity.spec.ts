import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byteQuantity, countOf, timeQuantity } from '../../src/status/quantity.js';

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];

describe('a number of bytes for people', () => {
  it.each([
    [0, '0B'],
    [1, '1B'],
    [1023, '1023B'],
    [1024, '1.0KiB'],
    [1536, '1.5KiB'],
    [102_400, '100KiB'],
    [1024 * 1024 - 1, '1.0MiB'],
    [5_368_709_120, '5.0GiB'],
    [Number.MAX_SAFE_INTEGER, '8.0PiB'],
  ])('is short: %i', (bytes, expected) => {
    expect(byteQuantity(bytes)).toBe(expected);
  });

  it('is within a twentieth of the number, and below 1024 of its unit', () => {
    fc.assert(
      fc.property(fc.nat({ max: Number.MAX_SAFE_INTEGER }), (bytes) => {
        const [, amount = '', unit = ''] = /^([\d.]+)(\w+)$/.exec(byteQuantity(bytes)) ?? [];
        expect(Number(amount)).toBeLessThan(1024);
        const shown = Number(amount) * 1024 ** UNITS.indexOf(unit);
        expect(Math.abs(shown - bytes)).toBeLessThanOrEqual(bytes / 20);
      }),
    );
  });
});

describe('a length of time for people', () => {
  it.each([
    [0, '0s'],
    [999, '0s'],
    [1_000, '1s'],
    [125_000, '2m5s'],
    [120_000, '2m'],
    [3_600_000, '1h'],
    [3_605_000, '1h'],
    [90_061_000, '1d1h'],
    [-5_000, '0s'],
  ])('has its two largest units: %i ms', (milliseconds, expected) => {
    expect(timeQuantity(milliseconds)).toBe(expected);
  });
});

describe('a count of things', () => {
  it('has the plural of all but one', () => {
    expect([0, 1, 2].map((amount) => countOf(amount, 'portal'))).toEqual([
      '0 portals',
      '1 portal',
      '2 portals',
    ]);
  });
});

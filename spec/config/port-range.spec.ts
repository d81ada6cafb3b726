import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatPortRange, parsePortRange } from '../../src/config/port-range.js';

describe('parsePortRange', () => {
  it.each([
    ['30000-32767', { first: 30_000, last: 32_767 }],
    ['30000+99', { first: 30_000, last: 30_099 }],
    ['30000+0', { first: 30_000, last: 30_000 }],
    ['30000', { first: 30_000, last: 30_000 }],
    ['1-65535', { first: 1, last: 65_535 }],
    ['  30000-30001 ', { first: 30_000, last: 30_001 }],
    ['00080', { first: 80, last: 80 }],
    ['', null],
    ['0', null],
    ['0-0', null],
    ['0+0', null],
  ])('reads %j', (text, expected) => {
    expect(parsePortRange(text)).toEqual({ ok: true, value: expected });
  });

  it.each(['abc', '1-2-3', '1+2-3', '-1', '+5', '1-', '-', '1 - 2', '1.5', '0x50', '80,90', '1–2'])(
    'refuses %j as no port range',
    (text) => {
      expect(parsePortRange(text)).toEqual({
        ok: false,
        problem: `${JSON.stringify(text)} is not a port range; give one such as 30000-32767, 30000+99, 30000, or 0 for any`,
      });
    },
  );

  it.each([
    ['70000', '"70000" has a port above 65535'],
    ['65530-65536', '"65530-65536" has a port above 65535'],
    ['65530+6', '"65530+6" has a port above 65535'],
    ['70000-1', '"70000-1" has a port above 65535'],
    ['200-100', '"200-100" ends before it begins'],
    ['0-100', '"0-100" begins with port 0; 0 alone stands for any port'],
    ['0+5', '"0+5" begins with port 0; 0 alone stands for any port'],
  ])('refuses %s and says why', (text, problem) => {
    expect(parsePortRange(text)).toEqual({ ok: false, problem });
  });

  it('reads begin+offset as the range that begin-end is', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 65_535 }), fc.nat(65_535), (begin, offset) => {
        fc.pre(begin + offset <= 65_535);
        expect(parsePortRange(`${begin}+${offset}`)).toEqual(parsePortRange(`${begin}-${begin + offset}`));
      }),
    );
  });
});

describe('formatPortRange', () => {
  it('is read back as what it was', () => {
    const port = fc.integer({ min: 1, max: 65_535 });
    const range = fc.tuple(port, port).map(([a, b]) => ({ first: Math.min(a, b), last: Math.max(a, b) }));
    fc.assert(
      fc.property(fc.option(range), (value) => {
        expect(parsePortRange(formatPortRange(value))).toEqual({ ok: true, value });
      }),
    );
  });

  it('writes a range of one port as that port, and any as 0-0', () => {
    expect(formatPortRange({ first: 80, last: 80 })).toBe('80');
    expect(formatPortRange({ first: 80, last: 81 })).toBe('80-81');
    expect(formatPortRange(null)).toBe('0-0');
  });
});

import { describe, expect, it } from 'vitest';
import { invalid, valid } from '../../src/config/parsed.js';

describe('what a text was read as', () => {
  it('is a value', () => {
    expect(valid(3)).toEqual({ ok: true, value: 3 });
  });

  it('or what was written, quoted and on one line, and what is wrong with it', () => {
    expect(invalid('a "b"\n\u001b[2J', 'is not a port')).toEqual({
      ok: false,
      problem: '"a \\"b\\"\\n\\u001b[2J" is not a port',
    });
  });

  it('shows the beginning only of what is very long', () => {
    expect(invalid('x'.repeat(10_000), 'is long')).toEqual({
      ok: false,
      problem: `"${'x'.repeat(100)}…" is long`,
    });
  });
});

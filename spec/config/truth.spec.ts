import { describe, expect, it } from 'vitest';
import { parseTruth } from '../../src/config/truth.js';

describe('parseTruth', () => {
  it.each(['1', 't', 'T', 'true', 'TRUE', 'True'])('takes %s for true', (text) => {
    expect(parseTruth(text)).toEqual({ ok: true, value: true });
  });

  it.each(['0', 'f', 'F', 'false', 'FALSE', 'False'])('takes %s for false', (text) => {
    expect(parseTruth(text)).toEqual({ ok: true, value: false });
  });

  it.each(['', 'yes', 'no', 'on', 'tRUE', '2', ' true'])('refuses %j', (text) => {
    expect(parseTruth(text)).toEqual({
      ok: false,
      problem: `${JSON.stringify(text)} is neither true nor false`,
    });
  });
});

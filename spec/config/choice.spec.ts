import { describe, expect, it } from 'vitest';
import { parseChoice } from '../../src/config/choice.js';

const CHOICES = ['auto', 'iptables', 'none'] as const;

describe('parseChoice', () => {
  it('takes each of its words', () => {
    expect(CHOICES.map((choice) => parseChoice(choice, CHOICES))).toEqual(
      CHOICES.map((value) => ({ ok: true, value })),
    );
  });

  it('suggests the word that was probably meant', () => {
    expect(parseChoice('iptable', CHOICES)).toEqual({
      ok: false,
      problem: '"iptable" is not one of auto, iptables, none; did you mean iptables?',
    });
  });

  it('suggests nothing where nothing is near, and does not overlook case or an empty word', () => {
    expect(parseChoice('xyzzyxyzzy', CHOICES)).toEqual({
      ok: false,
      problem: '"xyzzyxyzzy" is not one of auto, iptables, none',
    });
    expect(parseChoice('Auto', CHOICES).ok).toBe(false);
    expect(parseChoice('', CHOICES)).toEqual({ ok: false, problem: '"" is not one of auto, iptables, none' });
  });
});

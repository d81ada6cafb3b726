import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readArguments } from '../../src/cli/arguments.js';
import type { FlagForm } from '../../src/cli/flag.js';
import { KubeSpliceError } from '../../src/model/errors.js';

const FLAGS: readonly FlagForm[] = [
  { name: 'manifests', takes: 'values' },
  { name: 'udp-timeout', takes: 'value' },
  { name: 'v', letter: 'v', takes: 'value' },
  { name: 'masquerade-all', takes: 'boolean' },
  { name: 'help', letter: 'h', takes: 'boolean' },
  { name: 'all', letter: 'a', takes: 'boolean' },
];

function read(...argv: string[]) {
  const { words, given } = readArguments(argv, FLAGS);
  return { words, given: Object.fromEntries(given) };
}

function errorOf(...argv: string[]): string {
  try {
    readArguments(argv, FLAGS);
  } catch (error) {
    if (error instanceof KubeSpliceError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'none';
}

describe('readArguments', () => {
  it.each([
    [['--udp-timeout=1s'], { 'udp-timeout': ['1s'] }],
    [['--udp-timeout', '1s'], { 'udp-timeout': ['1s'] }],
    [['--udp-timeout='], { 'udp-timeout': [''] }],
    [['--udp-timeout', ''], { 'udp-timeout': [''] }],
    [['--udp-timeout', '-5s'], { 'udp-timeout': ['-5s'] }],
    [['--udp-timeout', '--help'], { 'udp-timeout': ['--help'] }],
    [['--udp-timeout', '--'], { 'udp-timeout': ['--'] }],
    [['--udp-timeout=a=b'], { 'udp-timeout': ['a=b'] }],
    [['--udp_timeout=1s'], { 'udp-timeout': ['1s'] }],
    [['--udp-timeout=1s', '--udp_timeout', '2s'], { 'udp-timeout': ['1s', '2s'] }],
    [['--manifests', 'a,b', '--manifests=c'], { manifests: ['a,b', 'c'] }],
    [['--masquerade-all'], { 'masquerade-all': ['true'] }],
    [['--masquerade-all=false'], { 'masquerade-all': ['false'] }],
    [['--masquerade_all=0'], { 'masquerade-all': ['0'] }],
    [['-v', '2'], { v: ['2'] }],
    [['-v=2'], { v: ['2'] }],
    [['-v2'], { v: ['2'] }],
    [['-v', '-2'], { v: ['-2'] }],
    [['-v='], { v: [''] }],
    [['--v=2'], { v: ['2'] }],
    [['--v', '2'], { v: ['2'] }],
    [['-ha'], { help: ['true'], all: ['true'] }],
    [['-hav2'], { help: ['true'], all: ['true'], v: ['2'] }],
    [['-h=false'], { help: ['false'] }],
  ])('reads %j', (argv, given) => {
    expect(read(...argv)).toEqual({ words: [], given });
  });

  it('never gives the word behind a boolean to it', () => {
    expect(read('--masquerade-all', 'false')).toEqual({
      words: ['false'],
      given: { 'masquerade-all': ['true'] },
    });
    expect(read('-h', 'status').words).toEqual(['status']);
  });

  it('finds words between flags, and takes everything behind -- for one', () => {
    expect(read('--v=1', 'demo', '-', '', '--all', '--', '--v=2', '--unknown')).toEqual({
      words: ['demo', '-', '', '--v=2', '--unknown'],
      given: { v: ['1'], all: ['true'] },
    });
  });

  it.each([
    [['--manifest', 'x'], 'FLAG_UNKNOWN: unknown flag --manifest; did you mean --manifests?'],
    [['--manifest=x'], 'FLAG_UNKNOWN: unknown flag --manifest; did you mean --manifests?'],
    [['--udp_timeuot=1s'], 'FLAG_UNKNOWN: unknown flag --udp_timeuot; did you mean --udp-timeout?'],
    [
      ['--no-masquerade-all'],
      'FLAG_UNKNOWN: unknown flag --no-masquerade-all; did you mean --masquerade-all?',
    ],
    [['--Help'], 'FLAG_UNKNOWN: unknown flag --Help; did you mean --help?'],
    [['--iptables-chain'], 'FLAG_UNKNOWN: unknown flag --iptables-chain'],
    [['--=x'], 'FLAG_UNKNOWN: unknown flag --'],
    [['---help'], 'FLAG_UNKNOWN: unknown flag ---help; did you mean --help?'],
    [['--__proto__=x'], 'FLAG_UNKNOWN: unknown flag --__proto__'],
    [['--constructor'], 'FLAG_UNKNOWN: unknown flag --constructor'],
    [['--bad\u001b[2J\n'], 'FLAG_UNKNOWN: unknown flag --bad\\u001b[2J\\n'],
    [['-x'], 'FLAG_UNKNOWN: unknown flag -x'],
    [['-hx'], 'FLAG_UNKNOWN: unknown flag -hx'],
    [['-udp-timeout=1s'], 'FLAG_UNKNOWN: unknown flag -udp-timeout; did you mean --udp-timeout?'],
    [['--udp-timeout'], 'FLAG_INVALID: --udp-timeout: its value is missing'],
    [['--udp_timeout'], 'FLAG_INVALID: --udp-timeout: its value is missing'],
    [['-v'], 'FLAG_INVALID: -v: its value is missing'],
    [['-hv'], 'FLAG_INVALID: -v: its value is missing'],
  ])('refuses %j', (argv, error) => {
    expect(errorOf(...argv)).toBe(error);
  });

  it('brings every value through as it was written, in both forms', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), (values) => {
        const expected = values.length === 0 ? {} : { manifests: values };
        expect(read(...values.map((value) => `--manifests=${value}`)).given).toEqual(expected);
        expect(read(...values.flatMap((value) => ['--manifests', value])).given).toEqual(expected);
      }),
    );
  });

  it('either reads an argument vector or names what is wrong with it', () => {
    const argument = fc.oneof(
      fc.constantFrom('--', '-', '-v', '--v', '--v=', '--help', '-hav', '--all=x', 'demo'),
      fc.string({ unit: 'binary' }).map((text) => `-${text}`),
      fc.string({ unit: 'binary' }),
    );
    fc.assert(
      fc.property(fc.array(argument), (argv) => {
        expect(errorOf(...argv)).toMatch(/^(none$|FLAG_UNKNOWN: unknown flag -|FLAG_INVALID: -)/);
      }),
    );
  });
});

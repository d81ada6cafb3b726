import { nearest } from '../config/nearest.js';
import { KubeSpliceError } from '../model/errors.js';
import { printable } from '../model/printable.js';
import { dashed, type FlagForm } from './flag.js';

/** An argument vector, taken apart. */
export interface Arguments {
  /** What is neither a flag nor the value of one. */
  readonly words: readonly string[];
  /** The values of each flag that was given, by its name, in the order they were written. */
  readonly given: ReadonlyMap<string, readonly string[]>;
}

/**
 * Takes arguments apart by the rules of pflag, which kube-proxy's command line follows and unit files rely on:
 * `--flag=value` and `--flag value`, whatever the value looks like; a boolean takes a value only behind `=`, never
 * the next word; `-v2`, `-v 2` and `-v=2`; letters of booleans together; `_` in a name is `-`; nothing behind `--`
 * is a flag. yargs, which lays out the help, cannot be told these rules: it gives the next word to a boolean, and
 * takes `=1` for false.
 *
 * @throws KubeSpliceError `FLAG_UNKNOWN` with the flag that was probably meant; `FLAG_INVALID` for a missing value.
 */
export function readArguments(argv: readonly string[], flags: readonly FlagForm[]): Arguments {
  const words: string[] = [];
  const given = new Map<string, string[]>();
  const rest = [...argv];
  const take = (flag: FlagForm, written: string | undefined): void => {
    const value = written ?? (flag.takes === 'boolean' ? 'true' : rest.shift());
    if (value === undefined) throw missingValue(flag);
    given.set(flag.name, [...(given.get(flag.name) ?? []), value]);
  };

  for (let argument = rest.shift(); argument !== undefined; argument = rest.shift()) {
    if (argument === '--') {
      words.push(...rest.splice(0));
    } else if (argument.startsWith('--')) {
      const { name, value } = splitAtEquals(argument.slice(2));
      take(flagNamed(name, flags), value);
    } else if (argument.startsWith('-') && argument !== '-') {
      takeLetters(argument, flags, take);
    } else {
      words.push(argument);
    }
  }
  return { words, given };
}

function takeLetters(
  argument: string,
  flags: readonly FlagForm[],
  take: (flag: FlagForm, written: string | undefined) => void,
): void {
  let letters = argument.slice(1);
  while (letters !== '') {
    const flag = flags.find(({ letter }) => letter === letters[0]);
    if (flag === undefined) throw unknownLetter(argument, flags);
    const behind = letters.slice(1);
    if (flag.takes === 'boolean' && !behind.startsWith('=')) {
      take(flag, undefined);
      letters = behind;
    } else {
      take(flag, behind === '' ? undefined : behind.replace(/^=/, ''));
      letters = '';
    }
  }
}

function splitAtEquals(text: string): { name: string; value: string | undefined } {
  const equals = text.indexOf('=');
  return equals === -1
    ? { name: text, value: undefined }
    : { name: text.slice(0, equals), value: text.slice(equals + 1) };
}

function flagNamed(written: string, flags: readonly FlagForm[]): FlagForm {
  const name = written.replaceAll('_', '-');
  const flag = flags.find((candidate) => candidate.name === name);
  if (flag !== undefined) return flag;
  const meant = nearest(
    name,
    flags.map((candidate) => candidate.name),
  );
  throw unknownFlag(`--${written}`, meant);
}

/** `-udp-timeout=1s`, Go's own form of a flag, is what a letter that nobody knows most often comes from. */
function unknownLetter(argument: string, flags: readonly FlagForm[]): KubeSpliceError {
  const { name } = splitAtEquals(argument.slice(1));
  const long = name.replaceAll('_', '-');
  return unknownFlag(`-${name}`, flags.find((candidate) => candidate.name === long)?.name);
}

function unknownFlag(written: string, meant: string | undefined): KubeSpliceError {
  const question = meant === undefined ? '' : `; did you mean ${dashed(meant)}?`;
  return new KubeSpliceError('FLAG_UNKNOWN', `unknown flag ${printable(written)}${question}`);
}

function missingValue({ name }: FlagForm): KubeSpliceError {
  return new KubeSpliceError('FLAG_INVALID', `${dashed(name)}: its value is missing`);
}

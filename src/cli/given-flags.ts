import type { Parsed } from '../config/parsed.js';
import { parseTruth } from '../config/truth.js';
import { KubeSpliceError } from '../model/errors.js';
import { dashed } from './flag.js';
import type { FlagName } from './flags.js';
import type { IgnoredFlagName } from './flags-of-kube-proxy.js';

/** The name of any flag that is accepted. */
export type AcceptedFlagName = FlagName | IgnoredFlagName;

/** The flags of a command line by their names, each with its values in the order they were written. */
export class GivenFlags {
  readonly #values: ReadonlyMap<string, readonly string[]>;

  constructor(values: ReadonlyMap<string, readonly string[]>) {
    this.#values = values;
  }

  has(name: AcceptedFlagName): boolean {
    return this.#values.has(name);
  }

  /** Every value, unread. */
  all(name: AcceptedFlagName): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  /** True where the flag was given with anything but the empty value. */
  isFilled(name: AcceptedFlagName): boolean {
    return (this.text(name) ?? '') !== '';
  }

  /** The last value, unread: it is the one that counts. */
  text(name: AcceptedFlagName): string | undefined {
    return this.all(name).at(-1);
  }

  /**
   * The last value, read; `undefined` where the flag was not given.
   *
   * @throws KubeSpliceError `FLAG_INVALID`, naming the flag, the value and what is expected.
   */
  read<T>(name: AcceptedFlagName, parse: (text: string) => Parsed<T>): T | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const result = parse(text);
    if (!result.ok) throw invalidFlag(name, result.problem);
    return result.value;
  }

  /** True where the boolean flag was given and is not false. */
  isTrue(name: AcceptedFlagName): boolean {
    return this.read(name, parseTruth) ?? false;
  }
}

/** `FLAG_INVALID`, in the words all of them have. */
export function invalidFlag(name: AcceptedFlagName, problem: string): KubeSpliceError {
  return new KubeSpliceError('FLAG_INVALID', `${dashed(name)}: ${problem}`);
}

import type { ConfigValue } from '../config/file/config-file.js';
import type { Parsed } from '../config/parsed.js';
import { parseTruth } from '../config/truth.js';
import { KubeSpliceError } from '../model/errors.js';
import { dashed } from './flag.js';
import type { FlagName } from './flags.js';
import type { IgnoredFlagName } from './flags-of-kube-proxy.js';

/** The name of any flag that is accepted. */
export type AcceptedFlagName = FlagName | IgnoredFlagName;

/**
 * The flags of a command line by their names, each with its values in the order they were written; and what a configuration file says in
 * their place.
 */
export class GivenFlags {
  readonly #values: ReadonlyMap<string, readonly string[]>;
  /** Of those that a file says, where. */
  readonly #places: ReadonlyMap<string, string>;

  constructor(
    values: ReadonlyMap<string, readonly string[]>,
    places: ReadonlyMap<string, string> = new Map(),
  ) {
    this.#values = values;
    this.#places = places;
  }

  /** These, and what the file says of the others. */
  over(file: ReadonlyMap<string, ConfigValue>): GivenFlags {
    const values = new Map(this.#values);
    const places = new Map<string, string>();
    for (const [name, { texts, where }] of file) {
      if (values.has(name)) continue;
      values.set(name, texts);
      places.set(name, where);
    }
    return new GivenFlags(values, places);
  }

  /** What to call a flag in a message: itself, or the place in the file that says the same. */
  nameOf(name: AcceptedFlagName): string {
    return this.#places.get(name) ?? dashed(name);
  }

  /** `FLAG_INVALID`, or `CONFIG_INVALID` for what a file says, in the words all of them have. */
  invalid(name: AcceptedFlagName, problem: string): KubeSpliceError {
    const code = this.#places.has(name) ? 'CONFIG_INVALID' : 'FLAG_INVALID';
    return new KubeSpliceError(code, `${this.nameOf(name)}: ${problem}`);
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
   * @throws KubeSpliceError `FLAG_INVALID` or `CONFIG_INVALID`, naming the flag, the value and what is expected.
   */
  read<T>(name: AcceptedFlagName, parse: (text: string) => Parsed<T>): T | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const result = parse(text);
    if (!result.ok) throw this.invalid(name, result.problem);
    return result.value;
  }

  /** True where the boolean flag was given and is not false. */
  isTrue(name: AcceptedFlagName): boolean {
    return this.read(name, parseTruth) ?? false;
  }
}

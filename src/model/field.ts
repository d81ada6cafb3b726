import type { FieldError, FieldPath } from './field-error.js';
import { quoted } from './printable.js';

/** How much of a value a message shows. */
const SHOWN_LENGTH = 60;

/**
 * A place in an object that came from outside: a file or the wire. Reading never throws; a value of the wrong type is
 * reported to the list of errors that all fields of one object share, and read as absent. Only own properties are
 * seen, and `null` is absent, as it is to Kubernetes.
 */
export class Field {
  readonly value: unknown;
  /** What is wrong with the whole object, as far as it was read. */
  readonly errors: FieldError[];
  readonly #parent: Field | undefined;
  readonly #step: string | number;

  private constructor(
    value: unknown,
    parent: Field | undefined,
    step: string | number,
    errors: FieldError[],
  ) {
    this.value = value ?? undefined;
    this.errors = errors;
    this.#parent = parent;
    this.#step = step;
  }

  /** The whole object, with an empty list of errors. */
  static root(value: unknown): Field {
    return new Field(value, undefined, '', []);
  }

  get path(): FieldPath {
    return this.#parent === undefined ? [] : [...this.#parent.path, this.#step];
  }

  get present(): boolean {
    return this.value !== undefined;
  }

  /** The field of this mapping; absent where this is no mapping. */
  child(key: string): Field {
    const own = isMapping(this.value) && Object.hasOwn(this.value, key) ? this.value[key] : undefined;
    return new Field(own, this, key, this.errors);
  }

  /** True where this is a mapping; reports where it is there and something else. */
  mapping(): boolean {
    return this.expect(isMapping(this.value), 'is not a mapping');
  }

  /** The items of this list, none where it is absent; reports where it is no list. */
  items(): Field[] {
    if (!Array.isArray(this.value)) {
      this.expect(false, 'is not a list');
      return [];
    }
    return this.value.map((item: unknown, index) => new Field(item, this, index, this.errors));
  }

  text(): string | undefined {
    if (typeof this.value === 'string') return this.value;
    this.expect(false, 'is not text; put it in quotes');
    return undefined;
  }

  flag(): boolean | undefined {
    if (typeof this.value === 'boolean') return this.value;
    this.expect(false, 'is not true or false');
    return undefined;
  }

  /** A whole number between the two, both included; `what` names it in the message: `a port`. */
  integer(what: string, first: number, last: number): number | undefined {
    const { value } = this;
    if (typeof value === 'number' && Number.isInteger(value) && value >= first && value <= last) return value;
    const quoted = typeof value === 'string' && /^\s*\d+\s*$/.test(value) ? ', without quotes' : '';
    this.expect(false, `is not ${what}; give ${first} to ${last}${quoted}`);
    return undefined;
  }

  /** One of these words; an empty text is absent, as Go writes a field that is not set. */
  oneOf<const Words extends readonly string[]>(words: Words): Words[number] | undefined {
    const found = words.find((word) => word === this.value);
    if (found === undefined && this.value !== '') this.expect(false, `is not one of ${words.join(', ')}`);
    return found;
  }

  /** Reports that the field has to be there. */
  missing(hint: string): void {
    this.report(`is missing; ${hint}`);
  }

  /** Reports the value that is there: `70000 is not a port`. */
  reject(complaint: string): void {
    this.report(`${shown(this.value)} ${complaint}`);
  }

  /** Reports this field. */
  report(message: string): void {
    this.errors.push({ path: this.path, message });
  }

  private expect(holds: boolean, complaint: string): boolean {
    if (!holds && this.present) this.reject(complaint);
    return holds;
  }
}

/** True for an object that is no list. */
export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value in a message: on one line, and short whatever it is. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (isMapping(value)) return 'a mapping';
  if (typeof value !== 'string') return String(value);
  const cut = value.length > SHOWN_LENGTH ? `${value.slice(0, SHOWN_LENGTH)}…` : value;
  return quoted(cut);
}

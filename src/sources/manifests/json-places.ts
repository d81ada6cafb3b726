import type { FieldPath } from '../../model/field-error.js';
import { jsonEvents } from './json-events.js';

/** Where the fields of one JSON value are. Nothing is looked for before it is asked for. */
export class JsonPlaces {
  readonly #text: string;
  readonly #start: number;
  /** A long list may have an error in each item: its items are looked for once. */
  #items: ReadonlyMap<string | number, number> | undefined;

  /** @param start where the value begins; the text must be sound JSON from there on. */
  constructor(text: string, start: number) {
    this.#text = text;
    this.#start = start;
  }

  /** The offset of a field, or of what is nearest around it where it is not there. */
  offsetOf(path: FieldPath): number {
    const [first, index] = path;
    if (first !== 'items' || typeof index !== 'number') return this.#find(this.#start, path);
    this.#items ??= this.#childrenOf(this.#find(this.#start, ['items']));
    const item = this.#items.get(index);
    return item === undefined ? this.#find(this.#start, path) : this.#find(item, path.slice(2));
  }

  #find(start: number, path: FieldPath): number {
    let found = start;
    for (const step of path) {
      const next = this.#childrenOf(found, step).get(step);
      if (next === undefined) return found;
      found = next;
    }
    return found;
  }

  /** The offsets of the fields or items of the value that begins here, as far as the one that is wanted. */
  #childrenOf(start: number, wanted?: string | number): Map<string | number, number> {
    const children = new Map<string | number, number>();
    for (const { type, depth, step, offset } of jsonEvents(this.#text, start)) {
      if (depth === 0 && type === 'end') break;
      if (depth !== 1 || type !== 'begin') continue;
      children.set(step, offset);
      if (step === wanted) break;
    }
    return children;
  }
}

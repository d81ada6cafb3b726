/** What is held at most; when it is full it starts anew, so that values that are not used any more are let go. */
const CAPACITY = 8_192;

/**
 * Gives equal values one identity, so that those that many objects hold, as the name of a node, are in memory once.
 * Only memory depends on it: what it forgets is merely held twice.
 */
export class Interned<Value> {
  readonly #values = new Map<string, Value>();

  /** The value known by this key, else the one that is made of it now. */
  of(key: string, make: (key: string) => Value): Value {
    const known = this.#values.get(key);
    if (known !== undefined) return known;
    if (this.#values.size >= CAPACITY) this.#values.clear();
    const value = make(key);
    this.#values.set(key, value);
    return value;
  }
}

import type { Logger } from '../../host/log.js';
import { isMapping } from '../../model/field.js';
import { type FieldError, fieldPathText } from '../../model/field-error.js';
import type { Parsed } from '../../model/kubernetes-object.js';
import { printable } from '../../model/printable.js';
import type { Listing, Mirror, ObjectChange } from './mirror.js';
import type { Resource } from './resource.js';
import type { RawObject } from './watch-event.js';

/** Where the parsed objects go. Keys are `namespace/name`. */
export interface ObjectStore<T> {
  /** Takes an object as it is now; `undefined` where it is gone, or not for this proxy. */
  set(key: string, value: T | undefined): void;
  /** All that came together has been set; of a list, the whole of it. */
  changed(resource: Resource): void;
}

export interface ObjectMirrorOptions<T> {
  readonly parse: (object: RawObject, resource: Resource) => Parsed<T>;
  readonly store: ObjectStore<T>;
  readonly logger: Logger;
}

/** So many objects that cannot be read are named; of more than that there is one reason. */
const NAMED = 20;

/** `namespace/name` with the longest names that Kubernetes knows has 317. */
const LONGEST_KEY = 320;

/**
 * Parses what comes, and drops the rest of it at once: `managedFields` and the like are most of an object. One that
 * cannot be read keeps its last good form, and is told once; of thousands of them the first few are.
 *
 * A list goes into the store page by page, so that nothing is there twice: each object in it is newer than the one
 * before. What is gone is known only at its end.
 */
export class ObjectMirror<T> implements Mirror {
  readonly #options: ObjectMirrorOptions<T>;
  /** The objects that the server has, as far as is known. */
  #keys = new Set<string>();
  /** What was told of objects that cannot be read. */
  readonly #unreadable = new Map<string, string>();

  constructor(options: ObjectMirrorOptions<T>) {
    this.#options = options;
  }

  /** How many objects the server has of what is selected. */
  get size(): number {
    return this.#keys.size;
  }

  /** Objects that cannot be read, a line each; where they are many the last line is the number of the others. */
  get problems(): readonly string[] {
    const named = [...this.#unreadable.values()].slice(0, NAMED);
    const others = this.#unreadable.size - named.length;
    return others === 0 ? named : [...named, `${others} more objects cannot be read`];
  }

  list(resource: Resource): Listing {
    const { store } = this.#options;
    const listed = new Set<string>();
    return {
      add: (objects) => {
        for (const object of objects) {
          const key = keyOf(object);
          listed.add(key);
          this.#keys.add(key);
          this.#take(key, object, resource);
        }
      },
      done: () => {
        for (const key of this.#keys) if (!listed.has(key)) this.#drop(key);
        this.#keys = listed;
        store.changed(resource);
      },
    };
  }

  change(resource: Resource, changes: readonly ObjectChange[]): void {
    for (const { object, deleted } of changes) {
      const key = keyOf(object);
      if (deleted) {
        this.#keys.delete(key);
        this.#drop(key);
      } else {
        this.#keys.add(key);
        this.#take(key, object, resource);
      }
    }
    this.#options.store.changed(resource);
  }

  #drop(key: string): void {
    this.#unreadable.delete(key);
    this.#options.store.set(key, undefined);
  }

  #take(key: string, object: RawObject, resource: Resource): void {
    const { parse, store, logger } = this.#options;
    const parsed = parse(object, resource);
    if (parsed.outcome === 'invalid') {
      this.#tellUnreadable(key, resource, parsed.errors);
      return;
    }
    this.#unreadable.delete(key);
    store.set(key, parsed.outcome === 'parsed' ? parsed.value : undefined);
    if (parsed.outcome !== 'parsed') return;
    for (const note of parsed.notes) logger.detail(2, printable(`${resource.name} ${key}: ${note}`));
  }

  #tellUnreadable(key: string, resource: Resource, [first]: readonly FieldError[]): void {
    const field = first === undefined ? '' : `${fieldPathText(first.path)}: ${first.message}`;
    const line = printable(
      `${resource.name} ${key.slice(0, LONGEST_KEY)} cannot be read, its last good form is used: ${field}`,
    );
    const isKnown = this.#unreadable.get(key) === line;
    this.#unreadable.set(key, line);
    if (!isKnown) this.#tell(resource, line);
  }

  #tell({ name }: Resource, line: string): void {
    const { logger } = this.#options;
    if (this.#unreadable.size > NAMED) logger.detail(2, line);
    else logger.warn(line);
    if (this.#unreadable.size === NAMED + 1)
      logger.warn(`more ${name} cannot be read: they are not named one by one, except with --v=2`);
  }
}

/** `namespace/name`; the name alone of what has no namespace. What has no name either cannot be read, and is one. */
function keyOf({ metadata }: RawObject): string {
  const { namespace, name } = isMapping(metadata) ? metadata : {};
  // `String` of a mapping calls what it says its `toString` is.
  const own = typeof name === 'string' ? name : '<no name>';
  return typeof namespace === 'string' && namespace !== '' ? `${namespace}/${own}` : own;
}

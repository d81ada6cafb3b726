import { RESOURCE_NAMES, type ResourceName } from './resources.js';
import { ApiFailure, alreadyExists, conflict, notFound } from './status.js';
import type { StoredObject } from './stored-object.js';

/** A change of an object: what etcd tells the API server. */
export interface StoreEvent {
  readonly resourceVersion: number;
  /** As it is now; of a deleted one, as it was last. */
  readonly object: StoredObject;
  /** As it was before; undefined where it was not. */
  readonly previous: StoredObject | undefined;
  readonly isDeletion: boolean;
}

/** A state to go back to. */
export interface Backup {
  readonly resourceVersion: number;
  readonly objects: ReadonlyMap<ResourceName, ReadonlyMap<string, StoredObject>>;
}

/** One resource: what there is, and how it came to be so since the last compaction. */
class Collection {
  objects = new Map<string, StoredObject>();
  history: StoreEvent[] = [];
  sorted: readonly StoredObject[] | null = null;
  /** The last state of the past that was asked for: the pages of a list ask for the same one. */
  past: { readonly resourceVersion: number; readonly objects: readonly StoredObject[] } | null = null;
  readonly listeners = new Set<(event: StoreEvent) => void>();
}

/**
 * The objects of a cluster, as etcd keeps them: one counter of resourceVersions for all, the state as of any of them
 * until it is compacted away, and every change told to who listens, in order.
 */
export class ObjectStore {
  readonly #collections = new Map<ResourceName, Collection>(
    RESOURCE_NAMES.map((name) => [name, new Collection()]),
  );
  #resourceVersion = 1;
  #compactedAt = 1;

  get resourceVersion(): number {
    return this.#resourceVersion;
  }

  /** The oldest resourceVersion that is remembered. */
  get compactedAt(): number {
    return this.#compactedAt;
  }

  get(resource: ResourceName, key: string): StoredObject | undefined {
    return this.#collection(resource).objects.get(key);
  }

  /** @throws ApiFailure NotFound */
  require(resource: ResourceName, key: string): StoredObject {
    const object = this.get(resource, key);
    if (object === undefined) throw new ApiFailure(notFound(resource, key.slice(key.indexOf('/') + 1)));
    return object;
  }

  /** Keeps a new object; `make` is given the resourceVersion it shall have. */
  create(resource: ResourceName, key: string, make: (resourceVersion: number) => StoredObject): StoredObject {
    const present = this.get(resource, key);
    if (present !== undefined) throw new ApiFailure(alreadyExists(resource, present.name));
    return this.#put(resource, undefined, make);
  }

  /** Replaces an object, if it still is of resourceVersion `expected`, or whichever it is where that is undefined. */
  update(
    resource: ResourceName,
    key: string,
    expected: number | undefined,
    make: (resourceVersion: number) => StoredObject,
  ): StoredObject {
    const previous = this.require(resource, key);
    if (expected !== undefined && expected !== previous.resourceVersion)
      throw new ApiFailure(conflict(resource, previous.name));
    return this.#put(resource, previous, make);
  }

  /** Deletes an object; `make` is given what it was and the resourceVersion at which it goes. */
  delete(
    resource: ResourceName,
    key: string,
    make: (last: StoredObject, resourceVersion: number) => StoredObject,
  ): StoredObject {
    const previous = this.require(resource, key);
    const collection = this.#collection(resource);
    const object = make(previous, this.advance());
    collection.objects.delete(key);
    this.#tell(collection, { resourceVersion: object.resourceVersion, object, previous, isDeletion: true });
    return object;
  }

  /** Counts one resourceVersion on, as a change of something that is not kept here does: a lease, an event. */
  advance(): number {
    this.#resourceVersion += 1;
    return this.#resourceVersion;
  }

  /** All objects of a resource in the order of their keys: now, or as of a resourceVersion that is remembered. */
  list(resource: ResourceName, resourceVersion = this.#resourceVersion): readonly StoredObject[] {
    const collection = this.#collection(resource);
    const last = collection.history.at(-1)?.resourceVersion ?? 0;
    if (last <= resourceVersion) {
      collection.sorted ??= inOrder(collection.objects);
      return collection.sorted;
    }
    if (collection.past?.resourceVersion !== resourceVersion) {
      const objects = inOrder(undone(collection, resourceVersion));
      collection.past = { resourceVersion, objects };
    }
    return collection.past.objects;
  }

  /** What became of the objects of a resource after a resourceVersion that is remembered. */
  eventsAfter(resource: ResourceName, resourceVersion: number): readonly StoreEvent[] {
    const { history } = this.#collection(resource);
    let first = history.length;
    while (first > 0 && (history[first - 1]?.resourceVersion ?? 0) > resourceVersion) first -= 1;
    return history.slice(first);
  }

  /** Calls back at every change of the resource; returns how to stop that. */
  subscribe(resource: ResourceName, listener: (event: StoreEvent) => void): () => void {
    const { listeners } = this.#collection(resource);
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  /** Forgets everything before the present. */
  compact(): void {
    this.#compactedAt = this.#resourceVersion;
    for (const collection of this.#collections.values()) {
      collection.history = [];
      collection.past = null;
    }
  }

  backup(): Backup {
    const objects = [...this.#collections].map(
      ([name, collection]) => [name, new Map(collection.objects)] as const,
    );
    return { resourceVersion: this.#resourceVersion, objects: new Map(objects) };
  }

  /** Goes back: resourceVersions are given out a second time. Nobody is told, as nobody is by etcd. */
  restore(backup: Backup): void {
    this.#resourceVersion = backup.resourceVersion;
    for (const [name, collection] of this.#collections) {
      collection.objects = new Map(backup.objects.get(name));
      collection.sorted = null;
    }
    this.compact();
  }

  #put(
    resource: ResourceName,
    previous: StoredObject | undefined,
    make: (resourceVersion: number) => StoredObject,
  ): StoredObject {
    const object = make(this.advance());
    const collection = this.#collection(resource);
    collection.objects.set(object.key, object);
    this.#tell(collection, { resourceVersion: object.resourceVersion, object, previous, isDeletion: false });
    return object;
  }

  #tell(collection: Collection, event: StoreEvent): void {
    collection.sorted = null;
    collection.history.push(event);
    for (const listener of [...collection.listeners]) listener(event);
  }

  #collection(resource: ResourceName): Collection {
    const collection = this.#collections.get(resource);
    if (collection === undefined) throw new Error(`there are no ${resource}`);
    return collection;
  }
}

function inOrder(objects: ReadonlyMap<string, StoredObject>): readonly StoredObject[] {
  return [...objects.values()].sort((one, other) => (one.key < other.key ? -1 : 1));
}

function undone(
  { objects, history }: Collection,
  resourceVersion: number,
): ReadonlyMap<string, StoredObject> {
  const past = new Map(objects);
  for (let index = history.length - 1; index >= 0; index -= 1) {
    const event = history[index];
    if (event === undefined || event.resourceVersion <= resourceVersion) break;
    if (event.previous === undefined) past.delete(event.object.key);
    else past.set(event.object.key, event.previous);
  }
  return past;
}

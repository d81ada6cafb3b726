import type { Resource } from './resource.js';
import type { RawObject } from './watch-event.js';

/** What became of an object. */
export interface ObjectChange {
  readonly object: RawObject;
  /** True where it is gone, or no longer selected. */
  readonly deleted: boolean;
}

/** Whoever keeps the objects of a resource as they are at the API server. */
export interface Mirror {
  /** Begins to take a whole list; what was there stays until it is done. */
  list(resource: Resource): Listing;

  /** Takes what happened after the list, in its order. */
  change(resource: Resource, changes: readonly ObjectChange[]): void;
}

/** A list that is being taken, page by page. It may be left undone. */
export interface Listing {
  add(objects: readonly RawObject[]): void;
  /** That was all: what was there before and did not come is gone. */
  done(): void;
}

import { expect } from 'vitest';
import { isMapping } from '../../src/model/field.js';
import type { Listing, Mirror, ObjectChange } from '../../src/sources/apiserver/mirror.js';
import type { RawObject } from '../../src/sources/apiserver/watch-event.js';
import { eventually } from './deadline.js';

/** Keeps what a reflector gives it: every change in its order, and the objects as they are then. */
export class RecordingMirror implements Mirror {
  /** `+name@resourceVersion` for what there is, `-name` for what is gone, `list` for the end of a list. */
  readonly told: string[] = [];
  #objects = new Map<string, string>();

  list(): Listing {
    const listed = new Map<string, string>();
    return {
      add: (objects) => {
        for (const object of objects) listed.set(...nameAndVersion(object));
      },
      done: () => {
        this.told.push('list');
        this.#objects = listed;
      },
    };
  }

  change(_: unknown, changes: readonly ObjectChange[]): void {
    for (const { object, deleted } of changes) {
      const [name, version] = nameAndVersion(object);
      this.told.push(deleted ? `-${name}` : `+${name}@${version}`);
      if (deleted) this.#objects.delete(name);
      else this.#objects.set(name, version);
    }
  }

  /** What is there, by name. */
  get names(): string[] {
    return [...this.#objects.keys()].sort();
  }

  /** What was told, without lists. */
  get changes(): string[] {
    return this.told.filter((line) => line !== 'list');
  }

  get lists(): number {
    return this.told.length - this.changes.length;
  }

  async toHold(...names: string[]): Promise<void> {
    await eventually(() => expect(this.names).toEqual(names));
  }
}

function nameAndVersion({ metadata }: RawObject): [string, string] {
  const { name, resourceVersion } = isMapping(metadata) ? metadata : {};
  return [String(name), String(resourceVersion)];
}

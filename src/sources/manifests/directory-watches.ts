import { watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { systemErrorCode } from '../../model/errors.js';

/** By directory, the names in it that matter. */
export type WatchedNames = ReadonlyMap<string, ReadonlySet<string> | 'all'>;

/** What `node:fs` watches a directory with. `changed` gets the name, where the system tells it. */
export type WatchDirectory = (
  directory: string,
  changed: (name: string | null) => void,
  failed: (error: Error) => void,
) => { close(): void };

interface OpenWatch {
  readonly identity: string;
  readonly close: () => void;
}

/** Watches with inotify or what the system has in its place. */
export const watchDirectory: WatchDirectory = (directory, changed, failed) => {
  const watcher = watch(directory, (_event, name) => changed(name));
  watcher.on('error', failed);
  return watcher;
};

/**
 * Watches a changing set of directories. It only ever says that it is worth looking: what changed, the looking finds
 * out, and what it misses a periodic look finds.
 */
export class DirectoryWatches {
  readonly #watchDirectory: WatchDirectory;
  readonly #changed: () => void;
  readonly #failed: (directory: string, error: unknown) => void;
  readonly #open = new Map<string, OpenWatch>();
  #names: WatchedNames = new Map();
  #isComplete = true;

  /**
   * @param changed may be called often.
   * @param failed is called once, until all that is wanted has been watched again.
   */
  constructor(
    watchDirectory: WatchDirectory,
    changed: () => void,
    failed: (directory: string, error: unknown) => void,
  ) {
    this.#watchDirectory = watchDirectory;
    this.#changed = changed;
    this.#failed = failed;
  }

  /** False while a directory that is there cannot be watched. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** Watches these directories and no others; those that are not there are left out. */
  async update(names: WatchedNames): Promise<void> {
    this.#names = names;
    const identities = new Map(
      await Promise.all([...names.keys()].map(async (path) => [path, await identityOf(path)] as const)),
    );
    for (const [directory, { identity, close }] of this.#open) {
      if (identities.get(directory) === identity) continue;
      this.#open.delete(directory);
      close();
    }
    const failures = [...identities].flatMap(([directory, identity]) =>
      identity === undefined || this.#open.has(directory) ? [] : this.#watch(directory, identity),
    );
    const [first] = failures;
    if (first !== undefined && this.#isComplete) this.#failed(first.directory, first.error);
    this.#isComplete = first === undefined;
  }

  close(): void {
    for (const { close } of this.#open.values()) close();
    this.#open.clear();
  }

  #watch(directory: string, identity: string): { directory: string; error: unknown }[] {
    try {
      const watcher = this.#watchDirectory(
        directory,
        (name) => this.#notice(directory, name),
        () => this.#lose(directory),
      );
      this.#open.set(directory, { identity, close: () => watcher.close() });
      // What changed before it was watched has not been told.
      this.#changed();
      return [];
    } catch (error) {
      return systemErrorCode(error) === 'ENOENT' ? [] : [{ directory, error }];
    }
  }

  #notice(directory: string, name: string | null): void {
    const names = this.#names.get(directory);
    // The directory's own name tells that it has gone; `..data` is what a mounted ConfigMap swaps.
    const matters =
      name === null ||
      names === 'all' ||
      names?.has(name) === true ||
      name === basename(directory) ||
      name.startsWith('..');
    if (matters) this.#changed();
  }

  /** It is tried again at the next update: at once could be without end. */
  #lose(directory: string): void {
    this.#open.get(directory)?.close();
    this.#open.delete(directory);
    this.#isComplete = false;
  }
}

/** All names that matter to one of these. */
export function mergeNames(all: readonly WatchedNames[]): WatchedNames {
  const merged = new Map<string, Set<string> | 'all'>();
  for (const [directory, names] of all.flatMap((one) => [...one])) {
    const others = merged.get(directory) ?? new Set();
    if (names === 'all' || others === 'all') merged.set(directory, 'all');
    else merged.set(directory, addAll(others, names));
  }
  return merged;
}

function addAll(names: Set<string>, others: ReadonlySet<string>): Set<string> {
  for (const name of others) names.add(name);
  return names;
}

/** Changes when another directory takes this one's place, even where that gets the number of the old one. */
async function identityOf(path: string): Promise<string | undefined> {
  try {
    const { dev, ino, birthtimeNs } = await stat(path, { bigint: true });
    return [dev, ino, birthtimeNs].join(':');
  } catch {
    return undefined;
  }
}

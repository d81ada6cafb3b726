import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  DirectoryWatches,
  mergeNames,
  type WatchDirectory,
  watchDirectory,
} from '../../../src/sources/manifests/directory-watches.js';
import { eventually } from '../../support/deadline.js';
import { temporaryDirectory } from '../../support/temporary-directory.js';

function watchesWith(watch: WatchDirectory = watchDirectory) {
  const seen = { changes: 0, failures: [] as string[] };
  const watches = new DirectoryWatches(
    watch,
    () => {
      seen.changes += 1;
    },
    (directory) => seen.failures.push(directory),
  );
  onTestFinished(() => watches.close());
  return { watches, seen };
}

const all = (...directories: string[]) =>
  new Map(directories.map((directory) => [directory, 'all' as const]));

/** Watches that a spec drives: nothing happens but what it says. */
function drivenWatch() {
  const open = new Map<string, { changed: (name: string | null) => void; failed: (error: Error) => void }>();
  const refused = new Map<string, string>();
  const watch: WatchDirectory = (directory, changed, failed) => {
    const code = refused.get(directory);
    if (code !== undefined) throw Object.assign(new Error(code), { code });
    open.set(directory, { changed, failed });
    return { close: () => open.delete(directory) };
  };
  return { open, refused, watch };
}

describe('DirectoryWatches', () => {
  it('tell that something in a directory changed', async () => {
    const directory = temporaryDirectory();
    const { watches, seen } = watchesWith();
    await watches.update(all(directory));
    const before = seen.changes;
    writeFileSync(join(directory, 'a.yaml'), '');
    await eventually(() => expect(seen.changes).toBeGreaterThan(before));
  });

  it('watch the directory that took the place of another', async () => {
    const directory = join(temporaryDirectory(), 'manifests');
    mkdirSync(directory);
    const { watches, seen } = watchesWith();
    await watches.update(all(directory));
    renameSync(directory, `${directory}.old`);
    mkdirSync(directory);
    await watches.update(all(directory));
    const before = seen.changes;
    writeFileSync(join(directory, 'a.yaml'), '');
    await eventually(() => expect(seen.changes).toBeGreaterThan(before));
  });

  it('say once that it is worth looking when they begin: what was written before shows only then', async () => {
    const directory = temporaryDirectory();
    const { watches, seen } = watchesWith(drivenWatch().watch);
    await watches.update(all(directory));
    await watches.update(all(directory));
    expect(seen.changes).toBe(1);
  });

  it.each([
    ['a name that matters', 'services.yaml', 1],
    ['a name that the system does not tell', null, 1],
    ['the directory itself', 'manifests', 1],
    ['what a mounted ConfigMap swaps', '..data', 1],
    ['another name', 'other.yaml', 0],
  ])('tell of %s or not', async (_what, name, changes) => {
    const directory = join(temporaryDirectory(), 'manifests');
    mkdirSync(directory);
    const { open, watch } = drivenWatch();
    const { watches, seen } = watchesWith(watch);
    await watches.update(new Map([[directory, new Set(['services.yaml'])]]));
    const before = seen.changes;
    open.get(directory)?.changed(name);
    expect(seen.changes - before).toBe(changes);
  });

  it('leave out a directory that is not there, and end when it goes', async () => {
    const directory = join(temporaryDirectory(), 'manifests');
    const { open, watch } = drivenWatch();
    const { watches, seen } = watchesWith(watch);
    await watches.update(all(directory));
    expect(open.size).toBe(0);
    mkdirSync(directory);
    await watches.update(all(directory));
    expect(open.size).toBe(1);
    rmSync(directory, { recursive: true });
    await watches.update(all(directory));
    expect(open.size).toBe(0);
    expect(seen.failures).toEqual([]);
    expect(watches.isComplete).toBe(true);
  });

  it('end for a directory that is not wanted any more, and all when closed', async () => {
    const [one, other] = [temporaryDirectory(), temporaryDirectory()];
    const { open, watch } = drivenWatch();
    const { watches } = watchesWith(watch);
    await watches.update(all(one, other));
    await watches.update(all(other));
    expect([...open.keys()]).toEqual([other]);
    watches.close();
    expect(open.size).toBe(0);
  });

  it.each(['ENOSPC', 'EMFILE', 'EACCES'])(
    'tell once that they fail with %s, until they work again',
    async (code) => {
      const [one, other] = [temporaryDirectory(), temporaryDirectory()];
      const { refused, watch } = drivenWatch();
      const { watches, seen } = watchesWith(watch);
      refused.set(one, code).set(other, code);
      await watches.update(all(one, other));
      await watches.update(all(one, other));
      expect(seen.failures).toEqual([one]);
      expect(watches.isComplete).toBe(false);
      refused.clear();
      await watches.update(all(one, other));
      expect(watches.isComplete).toBe(true);
      refused.set(one, code);
      watches.close();
      await watches.update(all(one, other));
      expect(seen.failures).toEqual([one, one]);
    },
  );

  it('take up again a watch that broke', async () => {
    const directory = temporaryDirectory();
    const { open, watch } = drivenWatch();
    const { watches } = watchesWith(watch);
    await watches.update(all(directory));
    open.get(directory)?.failed(new Error('lost'));
    expect(open.size).toBe(0);
    expect(watches.isComplete).toBe(false);
    await watches.update(all(directory));
    expect(open.size).toBe(1);
    expect(watches.isComplete).toBe(true);
  });
});

describe('mergeNames', () => {
  it('joins the names of a directory, of which every name is more than some', () => {
    const merged = mergeNames([
      new Map([
        ['/a', new Set(['x'])],
        ['/b', new Set(['x'])],
      ]),
      new Map([['/a', new Set(['y'])]]),
      new Map([['/b', 'all']]),
    ]);
    expect(merged).toEqual(
      new Map<string, unknown>([
        ['/a', new Set(['x', 'y'])],
        ['/b', 'all'],
      ]),
    );
  });
});

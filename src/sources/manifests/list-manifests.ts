import type { Dirent } from 'node:fs';
import { readdir, realpath } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { mergeNames, type WatchedNames } from './directory-watches.js';
import { lookAt, unreadable } from './file-look.js';
import type { ManifestProblem } from './manifest-problem.js';

/** The manifests at a path, and which directories tell when they change. */
export type ManifestListing = { readonly watched: WatchedNames } & (
  | { readonly state: 'listed'; readonly paths: readonly string[] }
  | { readonly state: 'absent' | 'unusable'; readonly problem: ManifestProblem }
);

const EXTENSIONS = new Set(['.yaml', '.yml', '.json']);

/**
 * The path itself where it is a file. Of a directory the files in it whose names end in .yaml, .yml or .json, in the
 * order of their names; hidden ones, editors' copies and directories in it are not looked at. The hidden `..data` of a
 * mounted ConfigMap is seen through the links that lead into it.
 */
export async function listManifests(path: string): Promise<ManifestListing> {
  const look = await lookAt(path);
  const parent: WatchedName = [dirname(path), basename(path)];
  switch (look.state) {
    case 'absent':
    case 'unusable':
      return { state: look.state, problem: look.problem, watched: watching([parent]) };
    case 'file':
      return { state: 'listed', paths: [path], watched: watching([parent, ...(await linked([path]))]) };
    case 'directory':
      return listDirectory(path, parent);
  }
}

/** A directory, and the name in it that matters; every name where there is none. */
type WatchedName = readonly [directory: string, name: string | undefined];

async function listDirectory(path: string, parent: WatchedName): Promise<ManifestListing> {
  const watched: WatchedName[] = [parent, [path, undefined]];
  let entries: Dirent[];
  try {
    entries = await readdir(path, { withFileTypes: true });
  } catch (error) {
    return { state: 'unusable', problem: unreadable(error), watched: watching(watched) };
  }
  const manifests = entries.filter(({ name }) => isManifestName(name));
  const links = manifests.filter((entry) => entry.isSymbolicLink()).map(({ name }) => join(path, name));
  return {
    state: 'listed',
    paths: manifests.map(({ name }) => join(path, name)).sort(),
    watched: watching([...watched, ...(await linked(links))]),
  };
}

function isManifestName(name: string): boolean {
  return !name.startsWith('.') && EXTENSIONS.has(extname(name).toLowerCase());
}

/** Where links lead to: what is written there does not show in the directory that the link is in. */
async function linked(paths: readonly string[]): Promise<WatchedName[]> {
  const found = await Promise.all(
    paths.map(async (path): Promise<WatchedName[]> => {
      const real = await realpath(path).catch(() => undefined);
      return real === undefined ? [] : [[dirname(real), basename(real)]];
    }),
  );
  return found.flat();
}

function watching(names: readonly WatchedName[]): WatchedNames {
  return mergeNames(
    names.map(([directory, name]) => new Map([[directory, name === undefined ? 'all' : new Set([name])]])),
  );
}

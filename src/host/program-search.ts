import { accessSync, constants, statSync } from 'node:fs';
import { join } from 'node:path';

/** Where programs of the system are on hosts whose PATH leaves them out: a service's, or a user's. */
const SYSTEM_DIRECTORIES = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/local/bin', '/usr/bin', '/bin'];

/** Finds programs by their names. */
export type ProgramSearch = (name: string) => string | null;

/**
 * A search of the directories of PATH, then of those of the system.
 *
 * @param path the text of PATH.
 * @returns of a name the path of the first program there is; null where there is none.
 */
export function programSearch(
  path: string | undefined,
  isProgram: (file: string) => boolean = isExecutableFile,
): ProgramSearch {
  const directories = [...(path ?? '').split(':').filter((part) => part !== ''), ...SYSTEM_DIRECTORIES];
  return (name) => directories.map((directory) => join(directory, name)).find(isProgram) ?? null;
}

function isExecutableFile(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

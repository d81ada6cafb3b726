import { systemErrorCode } from '../model/errors.js';

/** Reads a file whole. */
export type ReadFile = (path: string) => Promise<Buffer>;

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  ENOTDIR: 'a part of its path is not a directory',
  EISDIR: 'it is a directory',
  EACCES: 'this user may not',
  EPERM: 'this user may not',
  ELOOP: 'its symbolic links go round in a circle',
  EMFILE: 'this process has too many files open',
  ENFILE: 'this host has too many files open',
};

/** What keeps a file from being read: `cannot be read: it does not exist (ENOENT)`. */
export function fileFault(error: unknown): string {
  const code = systemErrorCode(error) ?? String(error);
  return `cannot be read: ${WORDS[code] ?? 'the system says'} (${code})`;
}

import { systemErrorCode } from '../../model/errors.js';

const WORDS: Readonly<Record<string, string>> = {
  EACCES: 'this user may not',
  EDQUOT: "this user's quota is used up",
  EFBIG: 'the file would be larger than this process may write',
  EIO: 'the disk failed',
  EISDIR: 'a directory is in its place',
  ELOOP: 'it is a symbolic link, or its links go round in a circle',
  EMFILE: 'this process has too many files open',
  ENAMETOOLONG: 'its name is too long',
  ENFILE: 'this host has too many files open',
  ENOENT: 'the directory does not exist, nor does the one above it',
  ENOSPC: 'the file system is full',
  ENOTDIR: 'a part of its path is not a directory',
  EPERM: 'this user may not',
  EROFS: 'the file system is read-only',
};

/** What the system says is wrong with a file, in words with its own code behind them. */
export function systemErrorWords(error: unknown): string {
  const code = systemErrorCode(error);
  return code === undefined ? String(error) : `${WORDS[code] ?? 'the system says'} (${code})`;
}

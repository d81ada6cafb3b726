import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { systemErrorCode } from '../../model/errors.js';
import { fileFault } from '../file-fault.js';
import { fileProblem, type ManifestProblem } from './manifest-problem.js';

/** The largest manifest that is read, in bytes. */
export const LARGEST_MANIFEST = 16 * 1024 * 1024;

/** What a look at a path shows. */
export type FileLook =
  /** `fingerprint` changes whenever the file is written or another one takes its place. */
  | { readonly state: 'file'; readonly fingerprint: string }
  | { readonly state: 'directory' }
  | { readonly state: 'absent'; readonly problem: ManifestProblem }
  | { readonly state: 'unusable'; readonly problem: ManifestProblem };

/** What came of reading: the bytes, or why there are none; undefined where the file changed meanwhile. */
export type FileRead = { readonly bytes: Buffer } | { readonly problem: ManifestProblem } | undefined;

/** Looks at what is there, without opening it: a FIFO would wait for a writer, a device may do anything. */
export async function lookAt(path: string): Promise<FileLook> {
  try {
    return lookOf(await stat(path, { bigint: true }));
  } catch (error) {
    const absent = ['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '');
    return { state: absent ? 'absent' : 'unusable', problem: unreadable(error) };
  }
}

/** Reads a file that a look has shown, at most as much as a manifest may have. */
export async function readLooked(path: string, fingerprint: string): Promise<FileRead> {
  let file: FileHandle | undefined;
  try {
    // Without O_NONBLOCK, opening a FIFO that has just taken the file's place would wait for its writer.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if (!isSame(await file.stat({ bigint: true }), fingerprint)) return undefined;
    const bytes = await readAll(file);
    return isSame(await file.stat({ bigint: true }), fingerprint) ? { bytes } : undefined;
  } catch (error) {
    return { problem: unreadable(error) };
  } finally {
    await file?.close();
  }
}

/** What keeps a path from being read, in words. */
export function unreadable(error: unknown): ManifestProblem {
  return fileProblem('MANIFEST_UNREADABLE', fileFault(error));
}

function lookOf(stats: BigIntStats): FileLook {
  if (stats.isDirectory()) return { state: 'directory' };
  if (!stats.isFile()) {
    const text = `cannot be read: it is ${kindOf(stats)}, not a file`;
    return { state: 'unusable', problem: fileProblem('MANIFEST_UNREADABLE', text) };
  }
  if (stats.size > LARGEST_MANIFEST) {
    const text = `is too large: at most ${LARGEST_MANIFEST >> 20} MiB are read of one file`;
    return { state: 'unusable', problem: fileProblem('MANIFEST_TOO_LARGE', text) };
  }
  return { state: 'file', fingerprint: fingerprintOf(stats) };
}

function kindOf(stats: BigIntStats): string {
  if (stats.isFIFO()) return 'a FIFO';
  if (stats.isSocket()) return 'a socket';
  return 'a device';
}

function fingerprintOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(':');
}

function isSame(stats: BigIntStats, fingerprint: string): boolean {
  return stats.isFile() && fingerprintOf(stats) === fingerprint;
}

async function readAll(file: FileHandle): Promise<Buffer> {
  const { size } = await file.stat();
  const bytes = Buffer.alloc(Math.min(size, LARGEST_MANIFEST));
  let length = 0;
  while (length < bytes.length) {
    const { bytesRead } = await file.read(bytes, length, bytes.length - length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return bytes.subarray(0, length);
}

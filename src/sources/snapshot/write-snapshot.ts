import { constants } from 'node:fs';
import { chmod, type FileHandle, mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { KubeSpliceError, systemErrorCode } from '../../model/errors.js';
import { systemErrorWords } from './file-problem.js';
import { LARGEST_SNAPSHOT } from './snapshot-lines.js';

export interface WriteSnapshotOptions {
  /** Ends the writing; the snapshot stays as it was. */
  readonly signal: AbortSignal;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** A name that no other write has, in this process or another. */
  readonly uniqueName: () => string;
  /** The largest that may become of it, in bytes. */
  readonly largest?: number;
}

/** A temporary file that nobody has written to for so long, in milliseconds, was left behind by a crash. */
const ABANDONED_MS = 60_000;

const TEMPORARY = '.tmp';

/**
 * Puts a snapshot in the place of the one before, whole or not at all: whoever reads the path, at any moment and after
 * a crash at any moment, finds the one or the other.
 *
 * ```
 *   open .NAME.UNIQUE.tmp (0600) ─▶ write ─▶ fsync ─▶ rename to NAME ─▶ fsync the directory
 * ```
 *
 * Several processes may do so to one path at once: each writes to a file of its own, and the last rename counts. A file
 * that a crash left behind is removed by a later write, a minute or more after. The directory is made where it is
 * missing, for this user alone; those above it are not.
 *
 * @param chunks are asked for one by one; between two of them whatever else the process has to do gets its turn.
 * @throws KubeSpliceError `SNAPSHOT_UNWRITABLE`. The snapshot before is still there then, unless it was the very last
 *   step that failed.
 * @throws AbortError where the signal ended it; likewise.
 */
export async function writeSnapshot(
  path: string,
  chunks: Iterable<string>,
  { signal, now, uniqueName, largest = LARGEST_SNAPSHOT }: WriteSnapshotOptions,
): Promise<void> {
  const directory = dirname(path);
  const prefix = `.${basename(path)}.`;
  const temporary = join(directory, `${prefix}${uniqueName()}${TEMPORARY}`);
  try {
    await makeDirectory(directory);
    await sweep(directory, prefix, now() - ABANDONED_MS);
    await writeWhole(temporary, bounded(chunks, largest), signal);
    await renameOver(temporary, path);
    await syncDirectory(directory);
  } catch (error) {
    signal.throwIfAborted();
    throw unwritable(path, error);
  }
}

async function makeDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, 0o700);
    // Whatever the umask took.
    await chmod(directory, 0o700);
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw error;
  }
}

/** Removes what crashes left behind. That it cannot be removed is no reason not to write. */
async function sweep(directory: string, prefix: string, before: number): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  for (const name of names) {
    if (!name.startsWith(prefix) || !name.endsWith(TEMPORARY)) continue;
    const path = join(directory, name);
    const written = await stat(path).catch(() => undefined);
    if (written !== undefined && written.mtimeMs < before) await unlink(path).catch(() => undefined);
  }
}

async function writeWhole(path: string, chunks: Iterable<Buffer>, signal: AbortSignal): Promise<void> {
  const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    await writeAndClose(file, chunks, signal);
  } catch (error) {
    await unlink(path).catch(() => undefined);
    throw error;
  }
}

async function writeAndClose(file: FileHandle, chunks: Iterable<Buffer>, signal: AbortSignal): Promise<void> {
  try {
    // A umask takes bits away, never adds any: the file is never more open than this.
    await file.chmod(0o600);
    for (const chunk of chunks) {
      await writeChunk(file, chunk);
      signal.throwIfAborted();
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

async function writeChunk(file: FileHandle, chunk: Buffer): Promise<void> {
  for (let written = 0; written < chunk.length; )
    written += (await file.write(chunk, written, chunk.length - written)).bytesWritten;
}

async function renameOver(temporary: string, path: string): Promise<void> {
  try {
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
}

/** Makes the rename last. Some file systems know no sync of a directory, and say EINVAL. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await directory.sync();
  } catch (error) {
    if (systemErrorCode(error) !== 'EINVAL') throw error;
  } finally {
    await directory.close();
  }
}

function* bounded(chunks: Iterable<string>, largest: number): Generator<Buffer> {
  let length = 0;
  for (const chunk of chunks) {
    const bytes = Buffer.from(chunk);
    length += bytes.length;
    if (length > largest)
      throw new KubeSpliceError('SNAPSHOT_UNWRITABLE', `it would be larger than ${largest} bytes`);
    yield bytes;
  }
}

function unwritable(path: string, error: unknown): KubeSpliceError {
  const reason = error instanceof KubeSpliceError ? error.message : systemErrorWords(error);
  return new KubeSpliceError('SNAPSHOT_UNWRITABLE', `${path}: cannot be written: ${reason}`, {
    cause: error,
  });
}

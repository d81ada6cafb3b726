import { constants, type Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { KubeSpliceError, systemErrorCode } from '../../model/errors.js';
import type { ServiceState } from '../../model/service-state.js';
import { systemErrorWords } from './file-problem.js';
import { LARGEST_SNAPSHOT, LONGEST_LINE, type SnapshotHeader } from './snapshot-lines.js';
import { SnapshotReader } from './snapshot-reader.js';

/** A state that was on disk, whole. */
export interface Snapshot {
  readonly header: SnapshotHeader;
  readonly state: ServiceState;
}

export interface ReadSnapshotOptions {
  /** Ends the reading. */
  readonly signal: AbortSignal;
  /** Who this process is: a file that somebody else may have written would tell it where to send traffic. */
  readonly userId: number;
}

/** How much is read and parsed at a time, in bytes: a millisecond's work. */
const CHUNK_BYTES = 16 * 1024;

const NEWLINE = 0x0a;

/**
 * Reads the snapshot at this path; `undefined` where there is none. It is checked to the last line before anything of
 * it is handed out. Between two chunks of the file whatever else the process has to do gets its turn.
 *
 * @throws KubeSpliceError `SNAPSHOT_UNREADABLE`, whatever is wrong with the file.
 * @throws AbortError where the reading is not wanted any more.
 */
export async function readSnapshot(
  path: string,
  { signal, userId }: ReadSnapshotOptions,
): Promise<Snapshot | undefined> {
  let file: FileHandle | undefined;
  try {
    // O_NONBLOCK: opening a FIFO would wait for a writer. O_NOFOLLOW: a save would replace the link, not what it names.
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    assertTrusted(await file.stat(), userId);
    return await readLines(file, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw unreadable(path, error);
  } finally {
    await file?.close();
  }
}

function assertTrusted(stats: Stats, userId: number): void {
  const { uid, mode, size } = stats;
  if (stats.isDirectory()) throw refusal('it is a directory');
  if (!stats.isFile()) throw refusal('it is not a file');
  if (uid !== userId && uid !== 0)
    throw refusal(`it belongs to another user, ${uid}, and this one is ${userId}`);
  if ((mode & 0o022) !== 0) throw refusal('others than its owner may write to it');
  if (size > LARGEST_SNAPSHOT) throw refusal(`it is larger than ${LARGEST_SNAPSHOT >> 20} MiB`);
}

async function readLines(file: FileHandle, signal: AbortSignal): Promise<Snapshot> {
  const reader = new SnapshotReader();
  for await (const line of lines(file)) {
    if (line.length > LONGEST_LINE) throw refusal(`a line of it is longer than ${LONGEST_LINE >> 20} MiB`);
    reader.add(line);
    signal.throwIfAborted();
  }
  const state = reader.end();
  if (reader.header === undefined) throw refusal('it has no first line');
  return { header: reader.header, state };
}

/** Without their ends; what comes after the last end is a line as well, unless it is nothing. */
async function* lines(file: FileHandle): AsyncGenerator<Buffer, undefined> {
  const chunk = Buffer.alloc(CHUNK_BYTES);
  let rest = Buffer.alloc(0);
  for (let position = 0; position < LARGEST_SNAPSHOT; ) {
    const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES, position);
    if (bytesRead === 0) break;
    position += bytesRead;
    const bytes = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
    let begin = 0;
    for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, begin)) {
      yield bytes.subarray(begin, end);
      begin = end + 1;
    }
    rest = bytes.subarray(begin);
    // Yielded too long rather than gathered: a file without line ends is not copied over and over.
    if (rest.length > LONGEST_LINE) break;
  }
  if (rest.length > 0) yield rest;
}

function refusal(text: string): KubeSpliceError {
  return new KubeSpliceError('SNAPSHOT_UNREADABLE', text);
}

function unreadable(path: string, error: unknown): KubeSpliceError {
  const reason = error instanceof KubeSpliceError ? error.message : systemErrorWords(error);
  const text = `${path}: ${reason}; it is not used, and replaced when the next state is saved`;
  return new KubeSpliceError('SNAPSHOT_UNREADABLE', text, { cause: error });
}

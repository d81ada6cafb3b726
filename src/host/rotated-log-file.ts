import { type FileHandle, open, rename } from 'node:fs/promises';
import { systemErrorCode } from '../model/errors.js';

export interface RotatedLogFileOptions {
  /** The file that is written; older ones are `path.1`, the newest of them, to `path.<keep>`. */
  readonly path: string;
  /** A file does not grow beyond this, unless a single line does. */
  readonly maxBytes: number;
  /** How many older files are kept. */
  readonly keep: number;
  /** Lines that wait for the disk take no more than this; those that would are lost, and counted. */
  readonly maxPendingBytes: number;
  /** The line, its newline included, that says how many are missing at its place. */
  readonly lossLine: (lost: number) => string;
  /** Told once when lines begin to be lost, until lines can be written again. */
  readonly onFailure: (error: unknown) => void;
}

const OWNER_WRITES_GROUP_READS = 0o640;
const NEWLINE = 0x0a;

/**
 * Lines in a file that is bounded in size, as are its predecessors. Writing never waits and never fails: a disk that
 * is slow, full or gone costs lines, which are counted, and nothing else. Every batch tries again.
 */
export class RotatedLogFile {
  readonly #options: RotatedLogFileOptions;
  /** Null after a failure: the next batch opens the file anew. */
  #handle: FileHandle | null = null;
  #size = 0;
  #pending: string[] = [];
  #pendingBytes = 0;
  /** Lines that could not be written, not yet told of in the file. */
  #lost = 0;
  /** Lines that found no room behind those that wait. */
  #overflow = 0;
  #failing = false;
  /** The file is to be opened anew before anything more is written. */
  #isReopenDue = false;
  #draining: Promise<void> | null = null;
  #closed = false;

  private constructor(options: RotatedLogFileOptions) {
    this.#options = options;
  }

  /** Opens the file, to go on behind what it holds. @throws the system's error where that cannot be done. */
  static async open(options: RotatedLogFileOptions): Promise<RotatedLogFile> {
    const file = new RotatedLogFile(options);
    await file.#opened();
    return file;
  }

  /** Adds a line, its newline included. */
  write(line: string): void {
    if (this.#closed) return;
    const bytes = Buffer.byteLength(line);
    if (this.#overflow > 0 || this.#pendingBytes + bytes > this.#options.maxPendingBytes) {
      this.#overflow++;
      return;
    }
    this.#pending.push(line);
    this.#pendingBytes += bytes;
    this.#draining ??= this.#drain();
  }

  /**
   * Lets go of the file and opens what has its name now: another program has moved it away. What was written before is in the
   * old one. Resolves when it is done; a failure is told like that of a write, and every batch tries again.
   */
  async reopen(): Promise<void> {
    if (this.#closed) return;
    this.#isReopenDue = true;
    this.#draining ??= this.#drain();
    await this.#draining;
  }

  /** Writes what waits and closes the file. Lines that come later are dropped. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#draining;
    if (this.#lost > 0) await this.#writeBatch([], 0);
    await this.#abandon();
  }

  async #drain(): Promise<void> {
    while (this.#pending.length > 0 || this.#isReopenDue) {
      if (this.#isReopenDue) await this.#abandon();
      this.#isReopenDue = false;
      const [batch, overflow] = [this.#pending, this.#overflow];
      this.#pending = [];
      this.#pendingBytes = 0;
      this.#overflow = 0;
      await this.#writeBatch(batch, overflow);
    }
    this.#draining = null;
  }

  async #writeBatch(batch: readonly string[], overflow: number): Promise<void> {
    let unwritten = batch.length + overflow;
    try {
      if (this.#handle === null) await this.#opened();
      await this.#tellLoss();
      for (const { bytes, lines } of this.#chunks(batch)) {
        await this.#append(bytes);
        unwritten -= lines;
      }
      this.#lost = overflow;
      unwritten = 0;
      await this.#tellLoss();
      this.#failing = false;
    } catch (error) {
      this.#lost += unwritten;
      await this.#abandon();
      if (!this.#failing) this.#options.onFailure(error);
      this.#failing = true;
    }
  }

  async #tellLoss(): Promise<void> {
    if (this.#lost === 0) return;
    await this.#append(Buffer.from(this.#options.lossLine(this.#lost)));
    this.#lost = 0;
  }

  /** Lines that still fit into the file together, those that fit into the next one, and so on. */
  *#chunks(lines: readonly string[]): Generator<{ readonly bytes: Buffer; readonly lines: number }> {
    let chunk: Buffer[] = [];
    let size = this.#size;
    for (const line of lines.map((text) => Buffer.from(text))) {
      if (size > 0 && size + line.length > this.#options.maxBytes) {
        if (chunk.length > 0) yield { bytes: Buffer.concat(chunk), lines: chunk.length };
        chunk = [];
        size = 0;
      }
      chunk.push(line);
      size += line.length;
    }
    if (chunk.length > 0) yield { bytes: Buffer.concat(chunk), lines: chunk.length };
  }

  async #append(bytes: Buffer): Promise<void> {
    let handle = this.#handle ?? (await this.#opened());
    if (this.#size > 0 && this.#size + bytes.length > this.#options.maxBytes) {
      await this.#rotate();
      handle = await this.#opened();
    }
    await handle.appendFile(bytes);
    this.#size += bytes.length;
  }

  async #opened(): Promise<FileHandle> {
    const handle = await open(this.#options.path, 'a+', OWNER_WRITES_GROUP_READS);
    this.#handle = handle;
    this.#size = (await handle.stat()).size;
    await this.#endTornLine(handle);
    return handle;
  }

  /** A disk that filled up, or a crash, may have left half a line. */
  async #endTornLine(handle: FileHandle): Promise<void> {
    if (this.#size === 0) return;
    const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, this.#size - 1);
    if (buffer[0] === NEWLINE) return;
    await handle.appendFile('\n');
    this.#size++;
  }

  async #rotate(): Promise<void> {
    const { path, keep } = this.#options;
    for (let age = keep; age > 0; age--) {
      await renameIfThere(age === 1 ? path : `${path}.${age - 1}`, `${path}.${age}`);
    }
    await this.#abandon();
  }

  /** Lets go of the file; that it cannot be closed well changes nothing for what comes. */
  async #abandon(): Promise<void> {
    const handle = this.#handle;
    this.#handle = null;
    this.#size = 0;
    await handle?.close().catch(() => undefined);
  }
}

async function renameIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
  }
}

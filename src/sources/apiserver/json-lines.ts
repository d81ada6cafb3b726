import { KubeSpliceError } from '../../model/errors.js';
import { GrowingBuffer } from './growing-buffer.js';

const NEWLINE = 0x0a;

/** etcd holds no object of more than 1.5 MiB by default; many times that is no object. */
const LONGEST_LINE_BYTES = 64 * 1024 * 1024;

/**
 * Splits a stream into lines, as many at a time as have arrived together. A last line without an end is no line: the
 * stream was cut in the middle of it, and what it holds is asked for again.
 *
 * @throws KubeSpliceError `APISERVER_MALFORMED` for a line of more than 64 MiB.
 */
export async function* lines(chunks: AsyncIterable<Buffer>): AsyncGenerator<readonly string[]> {
  // Decoded only when whole: a chunk may end within a character.
  const unfinished = new GrowingBuffer();
  for await (const chunk of chunks) {
    const end = chunk.lastIndexOf(NEWLINE);
    unfinished.append(end === -1 ? chunk : chunk.subarray(0, end));
    if (unfinished.length > LONGEST_LINE_BYTES)
      throw new KubeSpliceError('APISERVER_MALFORMED', 'a line of a watch is longer than 64 MiB');
    if (end === -1) continue;
    const whole = unfinished.takeText();
    unfinished.append(chunk.subarray(end + 1));
    yield whole.split('\n').filter((line) => line.trim() !== '');
  }
}

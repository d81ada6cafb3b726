import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lines } from '../../../src/sources/apiserver/json-lines.js';

async function linesOf(chunks: readonly Buffer[]): Promise<string[][]> {
  const batches: string[][] = [];
  for await (const batch of lines(stream(chunks))) batches.push([...batch]);
  return batches;
}

async function* stream(chunks: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* chunks;
}

const buffers = (...texts: string[]): Buffer[] => texts.map((text) => Buffer.from(text));

describe('the lines of a stream', () => {
  it('come together where they arrive together', async () => {
    expect(await linesOf(buffers('a\nb\n', 'c\n'))).toEqual([['a', 'b'], ['c']]);
  });

  it('come when they are whole', async () => {
    expect(await linesOf(buffers('a', 'b', 'c\nd', '\n'))).toEqual([['abc'], ['d']]);
  });

  it('leave out the last one where the stream was cut within it', async () => {
    expect(await linesOf(buffers('{"a":1}\n{"b":'))).toEqual([['{"a":1}']]);
  });

  it('leave out empty ones', async () => {
    expect((await linesOf(buffers('a\n\n \r\nb\n'))).flat()).toEqual(['a', 'b']);
  });

  it('are the same however the stream is cut into chunks, characters included', async () => {
    const line = fc
      .string({ unit: 'grapheme', maxLength: 20 })
      .map((text) => `x${text.replaceAll('\n', '')}`);
    await fc.assert(
      fc.asyncProperty(fc.array(line), fc.array(fc.nat({ max: 200 })), async (texts, cuts) => {
        const whole = Buffer.from(texts.map((text) => `${text}\n`).join(''));
        const places = [...new Set([0, ...cuts.filter((cut) => cut < whole.length), whole.length])].sort(
          (a, b) => a - b,
        );
        const chunks = places.slice(1).map((end, index) => whole.subarray(places[index], end));
        expect((await linesOf(chunks)).flat()).toEqual(texts);
      }),
    );
  });

  it('are held to a length that no object has', async () => {
    const chunk = Buffer.alloc(1024 * 1024, 'a');
    await expect(linesOf(Array.from({ length: 65 }, () => chunk))).rejects.toMatchObject({
      code: 'APISERVER_MALFORMED',
      message: 'a line of a watch is longer than 64 MiB',
    });
  });

  it('end as the stream does', async () => {
    async function* broken(): AsyncGenerator<Buffer> {
      yield Buffer.from('a\n');
      throw new Error('ECONNRESET');
    }
    const seen: string[] = [];
    const reading = (async () => {
      for await (const batch of lines(broken())) seen.push(...batch);
    })();
    await expect(reading).rejects.toThrow('ECONNRESET');
    expect(seen).toEqual(['a']);
  });
});

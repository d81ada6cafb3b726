import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GrowingBuffer } from '../../../src/sources/apiserver/growing-buffer.js';

describe('a buffer that grows', () => {
  it('holds what was appended, in its order, and nothing once it was taken', () => {
    const buffer = new GrowingBuffer();
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' })), (texts) => {
        for (const text of texts) buffer.append(Buffer.from(text));
        const whole = texts.join('');
        expect(buffer.length).toBe(Buffer.byteLength(whole));
        expect(buffer.takeText()).toBe(whole);
        expect(buffer.length).toBe(0);
      }),
    );
  });

  it('decodes characters whose bytes came apart', () => {
    const buffer = new GrowingBuffer();
    for (const byte of Buffer.from('a€𝄞')) buffer.append(Buffer.from([byte]));
    expect(buffer.takeText()).toBe('a€𝄞');
  });

  it('keeps its own copy', () => {
    const buffer = new GrowingBuffer();
    const piece = Buffer.from('abc');
    buffer.append(piece);
    piece.fill('x');
    expect(buffer.takeText()).toBe('abc');
  });
});

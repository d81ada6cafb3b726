import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeText } from '../../../src/sources/manifests/decode-text.js';

const utf16le = (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le');

describe('decodeText', () => {
  it.each([
    ['UTF-8', Buffer.from('näme: ☸')],
    ['UTF-8 with a byte order mark', Buffer.from('\ufeffnäme: ☸')],
    ['UTF-16, the low byte first', utf16le('näme: ☸')],
    ['UTF-16, the high byte first', Buffer.from(utf16le('näme: ☸')).swap16()],
  ])('reads %s', (_what, bytes) => {
    expect(decodeText(bytes)).toEqual({ text: 'näme: ☸' });
  });

  it('reads nothing as nothing', () => {
    expect(decodeText(Buffer.alloc(0))).toEqual({ text: '' });
  });

  it('reads every text, whichever way it is written', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (drawn) => {
        const text = drawn.replaceAll('\0', '').replaceAll('\ufeff', '');
        for (const bytes of [Buffer.from(text), utf16le(text), Buffer.from(utf16le(text)).swap16()])
          expect(decodeText(bytes)).toEqual({ text });
      }),
    );
  });

  it('names the line of the first byte that is not UTF-8', () => {
    const bytes = Buffer.concat([Buffer.from('a: 1\nb: '), Buffer.from([0xff]), Buffer.from('\nc: 3\n')]);
    expect(decodeText(bytes)).toEqual({ problem: 'is not UTF-8 text', line: 2 });
  });

  it('names the line of the first NUL', () => {
    const found = { problem: 'holds a NUL character: it is not a text file', line: 3 };
    expect(decodeText(Buffer.from('a: 1\n\nb: \0\0'))).toEqual(found);
  });

  it('takes UTF-16 that ends in the middle of a character', () => {
    const bytes = Buffer.concat([Buffer.from(utf16le('ab')).swap16(), Buffer.from([0])]);
    expect(decodeText(bytes)).toEqual({ text: 'ab' });
  });
});

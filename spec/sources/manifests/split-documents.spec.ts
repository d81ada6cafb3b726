import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { splitDocuments } from '../../../src/sources/manifests/split-documents.js';

const texts = (text: string) => splitDocuments(text).map((document) => document.text);

describe('splitDocuments', () => {
  it('cuts before each marker, and counts the lines above', () => {
    expect(splitDocuments('a: 1\n---\nb: 2\n--- # c\nc: 3\n')).toEqual([
      { text: 'a: 1\n', linesBefore: 0 },
      { text: '---\nb: 2\n', linesBefore: 1 },
      { text: '--- # c\nc: 3\n', linesBefore: 3 },
    ]);
  });

  it.each([
    ['with nothing in it', ''],
    ['that begins with a marker', '---\na: 1\n'],
    ['with dashes that are no marker', 'a: "x\n----\n"\nb:\n  ---\nc: a---\n'],
    ['with directives', '%YAML 1.2\n---\na: 1\n---\nb: 2\n'],
  ])('leaves a text %s whole', (_what, text) => {
    expect(texts(text)).toEqual([text]);
  });

  it('takes Windows line ends', () => {
    expect(texts('a: 1\r\n---\r\nb: 2\r\n')).toEqual(['a: 1\r\n', '---\r\nb: 2\r\n']);
  });

  it('loses nothing, whatever the text', () => {
    const unit = fc.constantFrom('---', '\n', '\r\n', ' ', 'a: 1', '#', '...', '|', '"', '%');
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 30 }), (text) => {
        const documents = splitDocuments(text);
        expect(documents.map((document) => document.text).join('')).toBe(text);
        for (const { linesBefore, text: part } of documents)
          expect(text.split('\n').slice(linesBefore).join('\n').startsWith(part)).toBe(true);
      }),
    );
  });

  it('cuts where a YAML parser does', () => {
    const value = fc.constantFrom('a: 1\n', 'b: |\n  ---\n  x\n', '- 1\n- 2\n', '"q"\n', '# nothing\n', '');
    fc.assert(
      fc.property(fc.array(value, { minLength: 1 }), (values) => {
        const text = values.join('---\n');
        const whole = [...parseAllDocuments(text)].map((document): unknown => document.toJS());
        const parts = texts(text).flatMap((part) => [...parseAllDocuments(part)]);
        expect(parts.map((document): unknown => document.toJS())).toEqual(whole);
      }),
    );
  });
});

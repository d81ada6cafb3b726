import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readJson } from '../../../src/sources/manifests/json-document.js';
import { timeSlice } from '../../support/time-slice.js';

const values = async (text: string) => (await readJson(text, timeSlice()))?.map(({ value }) => value);

describe('readJson', () => {
  it.each([
    ['one value', '{"a": [1, null]}\n', [{ a: [1, null] }]],
    ['several, one a line', '{"a": 1}\n{"b": 2}\n', [{ a: 1 }, { b: 2 }]],
    ['several, side by side', ' [1][2] ', [[1], [2]]],
  ])('reads %s', async (_what, text, found) => {
    expect(await values(text)).toEqual(found);
  });

  it.each([
    ['that is not there', ''],
    ['that begins with no bracket', '"text"'],
    ['that is not complete', '{"a": [1'],
    ['with a comma too many', '{"a": 1,}'],
    ['with a comma between values', '{"a": 1}, {"b": 2}'],
    ['with a word after it', '{"a": 1} null'],
    ['with a bracket too many', '{"a": 1}}'],
    ['with a comment', '{"a": 1} # one'],
    ['in the other flavour', "{a: 'b'}"],
    ['with a template in it', '{{ .Values.name }}'],
    ['with a key twice', '{"a": {"b": 1, "b": 2}}'],
  ])('leaves text to YAML %s', async (_what, text) => {
    expect(await values(text)).toBeUndefined();
  });

  it('leaves to YAML what nests too deep', async () => {
    expect(await values(`${'['.repeat(100_000)}${']'.repeat(100_000)}`)).toBeUndefined();
  });

  it('tells the line of a field', async () => {
    const documents = await readJson('{"a": 1}\n{\n  "b": {\n    "c": 2\n  }\n}', timeSlice());
    expect(documents?.[1]?.lineOf(['b', 'c'])).toBe(4);
    expect(documents?.[1]?.lineOf(['b', 'missing'])).toBe(3);
    expect(documents?.[1]?.lineOf([])).toBe(2);
  });

  it('reads what JSON.parse reads, whatever the text, where keys are there once', async () => {
    const containers = fc.oneof(fc.array(fc.jsonValue()), fc.dictionary(fc.string(), fc.jsonValue()));
    await fc.assert(
      fc.asyncProperty(containers, fc.nat(2), async (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(await values(text)).toEqual([JSON.parse(text)]);
        expect(await values(text.slice(0, -1))).toBeUndefined();
      }),
    );
  });
});

import { describe, expect, it } from 'vitest';
import type { YamlNode } from '../../../src/model/yaml-node.js';
import { type YamlDocument, YamlReader } from '../../../src/sources/manifests/yaml-document.js';
import { timeSlice } from '../../support/time-slice.js';

async function read(text: string): Promise<YamlDocument<YamlNode>[]> {
  const reader = new YamlReader((item) => item);
  const documents: YamlDocument<YamlNode>[] = [];
  for await (const document of reader.documents(text, timeSlice())) documents.push(document);
  return documents;
}

/** Values of documents with early items and others put together. */
async function values(text: string): Promise<unknown[]> {
  return (await read(text)).map(({ value, items }) => [items.map((item) => item.value), value]);
}

const list = (...items: string[]) =>
  `kind: List\nitems:\n${items.map((item) => `- ${item}\n`).join('')}after: 1\n`;

describe('YamlReader', () => {
  it('reads every document of a text', async () => {
    expect(await values('a: 1\n---\n---\n- 2\n...\nb: 3\n')).toEqual([
      [[], { a: 1 }],
      [[], null],
      [[], [2]],
      [[], { b: 3 }],
    ]);
  });

  it.each(['', '\n\n', '# only a comment\n'])('reads %j as no document', async (text) => {
    expect(await values(text)).toEqual([]);
  });

  it('reads the items of a list one by one, and leaves the last one in it', async () => {
    expect(await values(list('a: 1\n  b: 2', '- x\n  - y', 'c'))).toEqual([
      [[{ a: 1, b: 2 }, ['x', 'y']], { kind: 'List', items: ['c'], after: 1 }],
    ]);
  });

  it.each([
    ['indented', 'items:\n    - a: 1\n    - b: 2\n    - c: 3\n'],
    [
      'with comments and empty lines between',
      'items:\n\n# one\n- a: 1\n# two\n\n- b: 2 # b\n\n\n# three\n- c: 3\n# end\n',
    ],
    ['with empty lines at their end', 'items:\n- a: 1\n\n- b: 2\n\n- c: 3\n\n\n'],
  ])('reads items that are %s', async (_what, text) => {
    expect(await values(text)).toEqual([[[{ a: 1 }, { b: 2 }], { items: [{ c: 3 }] }]]);
  });

  it('takes an item without a value for null', async () => {
    expect(await values('items:\n-\n- a: 1\n- \n')).toEqual([[[null, { a: 1 }], { items: [null] }]]);
  });

  it('keeps apart the items of two documents', async () => {
    expect(await values(`${list('a', 'b')}...\n${list('c', 'd')}`)).toEqual([
      [['a'], { kind: 'List', items: ['b'], after: 1 }],
      [['c'], { kind: 'List', items: ['d'], after: 1 }],
    ]);
  });

  it('leaves a list whole from the first anchor on, so that aliases find theirs', async () => {
    expect(await values(list('a', 'p: &p [1]', 'p: *p', 'q'))).toEqual([
      [['a'], { kind: 'List', items: [{ p: [1] }, { p: [1] }, 'q'], after: 1 }],
    ]);
    expect(await values(`p: &p 1\n${list('*p', '*p')}`)).toEqual([
      [[], { p: 1, kind: 'List', items: [1, 1], after: 1 }],
    ]);
  });

  it('merges what << refers to', async () => {
    expect(await values('base: &base {x: 1, y: 1}\nmore:\n  <<: *base\n  y: 2\n')).toEqual([
      [[], { base: { x: 1, y: 1 }, more: { x: 1, y: 2 } }],
    ]);
  });

  it('tells lines as of the whole text, for early items too', async () => {
    const [document] = await read('kind: List\nitems:\n- a:\n    b: 1\n- c: 2\n');
    expect(document?.items[0]?.lineOf(['a', 'b'])).toBe(4);
    expect(document?.lineOf(['items', 0, 'c'])).toBe(5);
  });

  it.each([
    ['an early item', list('a: "x', 'b: 1')],
    ['the last item', list('b: 1', 'a: [')],
    ['what is around the items', `${list('b: 1', 'c: 2')}bad\n`],
    ['what comes before the document', '%YAML 1.2\na: 1\n'],
  ])('reports an error in %s', async (_what, text) => {
    const documents = await read(text);
    const errors = documents.flatMap(({ error, items }) => [...items.map((item) => item.error), error]);
    expect(errors.filter((error) => error !== undefined).length).toBeGreaterThan(0);
  });

  it.each([
    ['flow lists', '['],
    ['flow mappings', '{'],
    ['block lists', '- '],
    ['explicit keys', '? '],
  ])('refuses %s that nest without end, and survives', async (_what, opening) => {
    const [document] = await read(`a: 1\nb: 2\nc:\n${opening.repeat(100_000)}`);
    expect(document?.error).toEqual({ line: 4, message: 'it nests deeper than 100 levels' });
  });

  it('stops when the work is not wanted any more', async () => {
    const stopping = new AbortController();
    stopping.abort();
    const long = 'a: 1\n---\n'.repeat(10_000);
    const reading = async () => {
      let read = 0;
      for await (const { value } of new YamlReader(() => 0).documents(long, timeSlice(stopping.signal)))
        read += value === null ? 0 : 1;
      return read;
    };
    await expect(reading()).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }));
  });
});

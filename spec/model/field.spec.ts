import { describe, expect, it } from 'vitest';
import { Field } from '../../src/model/field.js';

describe('Field', () => {
  it('reads what is there and reports nothing', () => {
    const root = Field.root({ a: { b: ['x', 7, true] } });
    const [text, number, flag] = root.child('a').child('b').items();
    expect([text?.text(), number?.integer('a port', 1, 9), flag?.flag()]).toEqual(['x', 7, true]);
    expect(root.errors).toEqual([]);
  });

  it('takes null and what is not there for the same, and reports neither', () => {
    const root = Field.root({ nothing: null });
    for (const field of [root.child('nothing'), root.child('absent'), root.child('absent').child('deeper')]) {
      expect(field.present).toBe(false);
      expect([field.text(), field.flag(), field.integer('a port', 1, 9), field.items()]).toEqual([
        undefined,
        undefined,
        undefined,
        [],
      ]);
      expect(field.mapping()).toBe(false);
    }
    expect(root.errors).toEqual([]);
  });

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
    'does not see the inherited %s',
    (key) => {
      expect(Field.root({}).child(key).present).toBe(false);
    },
  );

  it('sees an own field of the name __proto__ as data', () => {
    const root = Field.root(JSON.parse('{"__proto__": {"ready": true}}'));
    expect(root.child('ready').present).toBe(false);
    expect(root.child('__proto__').child('ready').flag()).toBe(true);
  });

  it.each([
    ['text', (field: Field) => field.text(), 3, '3 is not text; put it in quotes'],
    ['a flag', (field: Field) => field.flag(), 'true', '"true" is not true or false'],
    ['a mapping', (field: Field) => field.mapping(), 'x', '"x" is not a mapping'],
    ['a mapping', (field: Field) => field.mapping(), [], 'a list is not a mapping'],
    ['a list', (field: Field) => field.items(), { a: 1 }, 'a mapping is not a list'],
    ['a list', (field: Field) => field.items(), 'ab', '"ab" is not a list'],
    [
      'one of some words',
      (field: Field) => field.oneOf(['None', 'ClientIP']),
      'clientip',
      '"clientip" is not one of None, ClientIP',
    ],
  ])('reports a value that is not %s, with its path', (_what, read, value, message) => {
    const root = Field.root({ spec: { field: value } });
    read(root.child('spec').child('field'));
    expect(root.errors).toEqual([{ path: ['spec', 'field'], message }]);
  });

  it.each([
    [70_000, '70000 is not a port; give 1 to 65535'],
    [0, '0 is not a port; give 1 to 65535'],
    [-1, '-1 is not a port; give 1 to 65535'],
    [80.5, '80.5 is not a port; give 1 to 65535'],
    [Number.NaN, 'NaN is not a port; give 1 to 65535'],
    [Number.POSITIVE_INFINITY, 'Infinity is not a port; give 1 to 65535'],
    [80n, '80 is not a port; give 1 to 65535'],
    ['80', '"80" is not a port; give 1 to 65535, without quotes'],
    ['http', '"http" is not a port; give 1 to 65535'],
    [true, 'true is not a port; give 1 to 65535'],
    [{}, 'a mapping is not a port; give 1 to 65535'],
  ])('reports %s as a port', (value, message) => {
    const root = Field.root({ port: value });
    expect(root.child('port').integer('a port', 1, 65_535)).toBeUndefined();
    expect(root.errors).toEqual([{ path: ['port'], message }]);
  });

  it('keeps a message on one line, and short', () => {
    const root = Field.root({ port: `1\n2${'x'.repeat(1_000_000)}` });
    root.child('port').integer('a port', 1, 65_535);
    expect(root.errors[0]?.message).toMatch(/^"1\\n2x{57}…" is not a port/);
  });

  it('leaves a word that is empty unset, as Go writes it', () => {
    const root = Field.root({ type: '' });
    expect(root.child('type').oneOf(['ClusterIP'])).toBeUndefined();
    expect(root.errors).toEqual([]);
  });
});

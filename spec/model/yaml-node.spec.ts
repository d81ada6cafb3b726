import { describe, expect, it } from 'vitest';
import { LineCounter, parseDocument } from 'yaml';
import type { FieldPath } from '../../src/model/field-error.js';
import { type YamlNode, yamlNode } from '../../src/model/yaml-node.js';

function nodeOf(text: string): YamlNode {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false,
    merge: true,
  });
  return yamlNode(document, lines);
}

const SERVICE = `kind: Service
spec:
  base: &base
    port: 1
  ports:
    - name: http
      port:
        70000
    - <<: *base
      name: x
    - *base
`;

describe('the line of a field', () => {
  it.each<[FieldPath, number]>([
    [[], 1],
    [['kind'], 1],
    [['spec'], 2],
    [['spec', 'ports'], 5],
    [['spec', 'ports', 0, 'name'], 6],
    [['spec', 'ports', 0, 'port'], 8],
    [['spec', 'ports', 1, 'name'], 10],
    [['spec', 'ports', 2, 'port'], 4],
  ])('is found for %j', (path, line) => {
    expect(nodeOf(SERVICE).lineOf(path)).toBe(line);
  });

  it.each<[FieldPath, number]>([
    [['metadata', 'name'], 1],
    [['spec', 'clusterIP'], 2],
    [['spec', 'ports', 0, 'protocol'], 6],
    [['spec', 'ports', 1, 'port'], 9],
    [['spec', 'ports', 9, 'port'], 5],
    [['kind', 'deeper'], 1],
  ])('is that of what is nearest around %j', (path, line) => {
    expect(nodeOf(SERVICE).lineOf(path)).toBe(line);
  });
});

describe('a document with an error', () => {
  it.each([
    ['a key twice', 'a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n', 5, 'the key "c" is there twice'],
    ['tabs to indent', 'a:\n\tb: 1\n', 2, 'Tabs are not allowed as indentation'],
    ['a quote that is not closed', 'a: 1\nb: "x\n', 3, 'Missing closing "quote'],
    [
      'an alias without its anchor',
      'a: *x\n',
      1,
      'Unresolved alias (the anchor must be set before the alias): x',
    ],
  ])('is not read: %s', (_what, text, line, message) => {
    const { value, error } = nodeOf(text);
    expect(value).toBeUndefined();
    expect(error).toEqual({ line, message });
  });

  it('takes << several times for no error', () => {
    expect(nodeOf('a: &a {x: 1}\nb: {<<: *a, y: 2, <<: *a}\n').value).toEqual({
      a: { x: 1 },
      b: { x: 1, y: 2 },
    });
  });

  it('does not unfold aliases of aliases without end', () => {
    const levels = [...'bcdefghij'].map((name, level) => {
      const below = `*${'abcdefghij'[level]}`;
      return `${name}: &${name} [${Array(9).fill(below).join(', ')}]\n`;
    });
    const { value, error } = nodeOf(`a: &a [x, x, x, x, x, x, x, x, x]\n${levels.join('')}`);
    expect(value).toBeUndefined();
    expect(error?.message).toContain('alias');
  });

  it('keeps the message short, whatever it quotes', () => {
    expect(nodeOf(`a: *${'x'.repeat(10_000)}\n`).error?.message.length).toBeLessThanOrEqual(200);
  });

  it('finds a key again among very many', () => {
    const keys = Array.from({ length: 20_000 }, (_, index) => `k${index}: 1`).join('\n');
    expect(nodeOf(`${keys}\nk7: 2\n`).error).toEqual({
      line: 20_001,
      message: 'the key "k7" is there twice',
    });
  });
});

it('gives a field of the name __proto__ as data', () => {
  const { value } = nodeOf('__proto__:\n  ready: true\n');
  expect(Object.keys(value ?? {})).toEqual(['__proto__']);
  expect({}).not.toHaveProperty('ready');
});

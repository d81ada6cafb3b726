import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FieldPath } from '../../../src/model/field-error.js';
import { JsonPlaces } from '../../../src/sources/manifests/json-places.js';

const LIST = '{"kind": "List", "items": [{"a": 1}, {"a": {"b": [true, 2]}}], "z": {"a": 3}}';
const textAt = (path: FieldPath) => LIST.slice(new JsonPlaces(LIST, 0).offsetOf(path));

describe('JsonPlaces', () => {
  it.each<[FieldPath, string]>([
    [[], LIST],
    [['kind'], '"List", '],
    [['items', 1, 'a', 'b', 1], '2]}}]'],
    [['z', 'a'], '3}}'],
  ])('finds %j', (path, text) => {
    expect(textAt(path).slice(0, text.length)).toBe(text);
  });

  it.each<[FieldPath, FieldPath]>([
    [
      ['items', 0, 'b', 'c'],
      ['items', 0],
    ],
    [['items', 5, 'a'], ['items']],
    [
      ['items', 0, 'a', 'deeper'],
      ['items', 0, 'a'],
    ],
    [['items', 'a'], ['items']],
    [['missing'], []],
  ])('finds what is nearest around %j', (path, nearest) => {
    expect(textAt(path)).toBe(textAt(nearest));
  });

  it('finds every value of every JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat(3), (value, indent) => {
        const text = `  ${JSON.stringify(value, null, indent)}`;
        const places = new JsonPlaces(text, 2);
        for (const [path, found] of leaves(JSON.parse(text))) {
          const written = JSON.stringify(found);
          const at = places.offsetOf(path);
          expect(text.slice(at, at + written.length)).toBe(written);
        }
      }),
    );
  });
});

function leaves(value: unknown, path: FieldPath = []): [FieldPath, unknown][] {
  if (typeof value !== 'object' || value === null) return [[path, value]];
  return Object.entries(value).flatMap(([key, child]) =>
    leaves(child, [...path, Array.isArray(value) ? Number(key) : key]),
  );
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { differingKeys, PersistentMap } from '../../src/model/persistent-map.js';

type Changes = [string, number | undefined][];

/** Few keys, so that changes meet, among them some that are keys of an object's prototype. */
const key = fc.oneof(
  fc.constantFrom('', 'a', 'b', 'default/web:http', '__proto__', 'constructor'),
  fc.string(),
);
const changes: fc.Arbitrary<Changes> = fc.array(
  fc.tuple(key, fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined })),
  { maxLength: 60 },
);

function applied(map: ReadonlyMap<string, number>, list: Changes): Map<string, number> {
  const after = new Map(map);
  for (const [name, value] of list)
    if (value === undefined) after.delete(name);
    else after.set(name, value);
  return after;
}

const sorted = <T>(entries: Iterable<T>): T[] =>
  [...entries].sort((a, b) => (String(a) < String(b) ? -1 : 1));

function expectSame(map: ReadonlyMap<string, number>, plain: ReadonlyMap<string, number>): void {
  expect(map.size).toBe(plain.size);
  expect(sorted(map)).toEqual(sorted(plain));
  expect([...map.keys()]).toEqual([...map].map(([name]) => name));
  expect([...map.values()]).toEqual([...map].map(([, value]) => value));
  for (const [name, value] of plain) {
    expect(map.get(name)).toBe(value);
    expect(map.has(name)).toBe(true);
  }
}

const many = (count: number): (readonly [string, number])[] =>
  Array.from({ length: count }, (_, index) => [`n/s${index}`, index]);

describe('PersistentMap', () => {
  it('is a plain Map, whatever is done to it, and what it was made from stays as it was', () => {
    fc.assert(
      fc.property(fc.array(changes, { maxLength: 8 }), (steps) => {
        let map = PersistentMap.empty<string, number>();
        let plain = new Map<string, number>();
        for (const step of steps) {
          const [before, plainBefore] = [map, plain];
          map = before.with(step);
          plain = applied(plain, step);
          expectSame(map, plain);
          expectSame(before, plainBefore);
        }
      }),
    );
  });

  it('is the same map where changes end in what is there already, and only there', () => {
    fc.assert(
      fc.property(changes, changes, (first, second) => {
        const map = PersistentMap.empty<string, number>().with(first);
        const after = map.with(second);
        const isSame = JSON.stringify(sorted(after)) === JSON.stringify(sorted(map));
        expect(after === map).toBe(isSame);
      }),
    );
  });

  it('has one form without entries', () => {
    const map = PersistentMap.from([['a', 1]]);
    expect(map.with([['a', undefined]])).toBe(PersistentMap.empty());
    expect(PersistentMap.from([])).toBe(PersistentMap.empty());
  });

  it('takes the last of several entries with one key', () => {
    expect([...PersistentMap.from([...many(3), ['n/s1', 9] as const])].length).toBe(3);
    expect(PersistentMap.from([...many(3), ['n/s1', 9] as const]).get('n/s1')).toBe(9);
  });

  it('knows no key of the prototype of an object', () => {
    const map = PersistentMap.from(many(500));
    for (const name of ['__proto__', 'constructor', 'size']) expect(map.has(name)).toBe(false);
  });

  it('iterates in an order that follows from what was done', () => {
    const make = () =>
      PersistentMap.from(many(300))
        .with([['n/s7', undefined]])
        .with([['n/s7', 1]]);
    expect([...make()]).toEqual([...make()]);
    const seen: [string, number][] = [];
    make().forEach((value, name) => {
      seen.push([name, value]);
    });
    expect(seen).toEqual([...make()]);
  });

  it('spreads the names of Services over its shards', () => {
    const map = PersistentMap.from(many(10_000));
    const touched = [...PersistentMap.differingShards(map, map.with([['n/s4711', -1]]))];
    expect(touched.length).toBe(1);
    expect(touched[0]?.[0].size).toBeLessThan(100);
  });
});

describe('differingKeys', () => {
  const expected = (one: ReadonlyMap<string, number>, other: ReadonlyMap<string, number>) =>
    sorted(new Set([...one.keys(), ...other.keys()])).filter((name) => one.get(name) !== other.get(name));

  it('finds the keys that differ, each once, in maps of any kind', () => {
    fc.assert(
      fc.property(changes, changes, changes, (first, second, third) => {
        const base = PersistentMap.empty<string, number>().with(first);
        const maps = [base, base.with(second), PersistentMap.empty<string, number>().with(third)];
        const plain = maps.map((map) => new Map(map));
        for (const one of [...maps, ...plain])
          for (const other of [...maps, ...plain])
            expect(sorted(differingKeys(one, other))).toEqual(expected(one, other));
      }),
    );
  });

  it('looks only at the shards that are not shared', () => {
    const base = PersistentMap.from(many(10_000));
    const after = base.with([
      ['n/s3', undefined],
      ['n/s4', -1],
      ['n/new', 1],
    ]);
    expect([...PersistentMap.differingShards(base, after)].length).toBeLessThanOrEqual(3);
    expect(sorted(differingKeys(base, after))).toEqual(['n/new', 'n/s3', 'n/s4']);
  });
});

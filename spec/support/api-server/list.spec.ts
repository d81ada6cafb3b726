import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { serviceObject } from '../kubernetes-objects.js';
import { ClusterObjects } from './cluster-objects.js';
import { listText } from './list.js';
import { EVERYTHING, labelSelector, type Selector } from './selectors.js';
import { ApiFailure } from './status.js';
import type { ApiObject } from './stored-object.js';

interface List {
  readonly metadata: { resourceVersion: string; continue?: string; remainingItemCount?: number };
  readonly items: ApiObject[];
}

function list(objects: ClusterObjects, query: Record<string, string> = {}, selector = EVERYTHING): List {
  return inNamespace(undefined, objects, query, selector);
}

function inNamespace(
  namespace: string | undefined,
  objects: ClusterObjects,
  query: Record<string, string> = {},
  selector: Selector = EVERYTHING,
): List {
  return JSON.parse(listText(objects.store, { resource: 'services', namespace, selector, query })) as List;
}

function withServices(...names: readonly string[]): ClusterObjects {
  const objects = new ClusterObjects();
  for (const name of names) objects.create('services', named(name));
  return objects;
}

/** A Service of this name, in the namespace before a slash if there is one. */
function named(path: string): Record<string, unknown> {
  const [name, namespace = 'default'] = path.split('/').reverse();
  return serviceObject({}, { name, namespace });
}

const namesOf = ({ items }: List): string[] => items.map(({ metadata }) => metadata.name);

function statusOf(call: () => unknown): object {
  try {
    call();
  } catch (error) {
    if (error instanceof ApiFailure) return error.status;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('a list of the API server of the specs', () => {
  it('is in the order of keys, of a namespace or of all', () => {
    const objects = withServices('b/x', 'a/y', 'a-b/z', 'a/x');
    expect(namesOf(list(objects))).toEqual(['z', 'x', 'y', 'x']);
    expect(namesOf(inNamespace('a', objects))).toEqual(['x', 'y']);
    expect(namesOf(inNamespace('c', objects))).toEqual([]);
  });

  it('comes in pages, each of which says how many objects are left', () => {
    const objects = withServices('a', 'b', 'c', 'd', 'e');
    const first = list(objects, { limit: '2' });
    const second = list(objects, { limit: '2', continue: first.metadata.continue ?? '' });
    const third = list(objects, { limit: '2', continue: second.metadata.continue ?? '' });
    expect([first, second, third].map(namesOf)).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
    expect([first, second, third].map(({ metadata }) => metadata.remainingItemCount)).toEqual([
      3,
      1,
      undefined,
    ]);
    expect(third.metadata.continue).toBeUndefined();
  });

  it('does not count what is left under a selector', () => {
    const objects = withServices('a', 'b', 'c');
    objects.patch('services', 'default/b', { metadata: { labels: { app: 'b' } } });
    const first = list(objects, { limit: '1' }, labelSelector('!app'));
    expect(first.metadata).not.toHaveProperty('remainingItemCount');
    const second = list(
      objects,
      { limit: '1', continue: first.metadata.continue ?? '' },
      labelSelector('!app'),
    );
    expect([namesOf(first), namesOf(second)]).toEqual([['a'], ['c']]);
  });

  it('pages a namespace by keys within it', () => {
    const objects = withServices('a/x', 'a/y', 'b/x');
    const first = inNamespace('a', objects, { limit: '1' });
    expect(first.metadata.remainingItemCount).toBe(1);
    const second = inNamespace('a', objects, { limit: '1', continue: first.metadata.continue ?? '' });
    expect(namesOf(second)).toEqual(['y']);
    expect(second.metadata.continue).toBeUndefined();
  });

  it('shows on every page the state of the first, whatever happens between', () => {
    const step = fc.record({
      what: fc.constantFrom('create', 'patch', 'delete', 'page'),
      name: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.integer({ min: 1, max: 3 }), (steps, limit) => {
        const objects = withServices('b', 'd', 'f');
        const expected = list(objects);
        const first = list(objects, { limit: `${limit}` });
        const items = [...first.items];
        let token = first.metadata.continue ?? '';
        const turn = (): void => {
          const next = list(objects, { limit: `${limit}`, continue: token });
          expect(next.metadata.resourceVersion).toBe(expected.metadata.resourceVersion);
          items.push(...next.items);
          token = next.metadata.continue ?? '';
        };
        for (const [index, { what, name }] of steps.entries()) {
          const exists = objects.store.get('services', `default/${name}`) !== undefined;
          if (what === 'create' && !exists) objects.create('services', named(name));
          if (what === 'patch' && exists)
            objects.patch('services', `default/${name}`, { metadata: { labels: { index: `${index}` } } });
          if (what === 'delete' && exists) objects.delete('services', `default/${name}`);
          if (what === 'page' && token !== '') turn();
        }
        while (token !== '') turn();
        expect(items).toEqual(expected.items);
      }),
    );
  });

  it('can be gone on with after a compaction, as it is then', () => {
    const objects = withServices('a', 'b', 'c');
    const token = list(objects, { limit: '1' }).metadata.continue ?? '';
    objects.delete('services', 'default/b');
    objects.store.compact();
    const refused = statusOf(() => list(objects, { continue: token })) as { metadata: { continue: string } };
    expect(refused).toMatchObject({ code: 410, reason: 'Expired' });
    expect(namesOf(list(objects, { continue: refused.metadata.continue }))).toEqual(['c']);
  });

  it('refuses what it does not understand, and what is yet to come', () => {
    const objects = withServices('a');
    expect(statusOf(() => list(objects, { continue: 'nonsense' }))).toMatchObject({ code: 400 });
    expect(statusOf(() => list(objects, { limit: 'two' }))).toMatchObject({ code: 400 });
    expect(statusOf(() => list(objects, { resourceVersion: '100' }))).toMatchObject({
      code: 504,
      reason: 'Timeout',
      message: 'Timeout: Too large resource version: 100, current: 2',
      details: { causes: [{ reason: 'ResourceVersionTooLarge' }], retryAfterSeconds: 1 },
    });
  });

  it('comes whole where any resourceVersion will do', () => {
    const objects = withServices('a', 'b');
    expect(namesOf(list(objects, { limit: '1', resourceVersion: '0' }))).toEqual(['a', 'b']);
  });

  it('of an exact resourceVersion is of that one, until it is forgotten', () => {
    const objects = withServices('a');
    const exact = { resourceVersion: `${objects.store.resourceVersion}`, resourceVersionMatch: 'Exact' };
    objects.delete('services', 'default/a');
    expect(namesOf(list(objects, exact))).toEqual(['a']);
    objects.store.compact();
    expect(statusOf(() => list(objects, exact))).toMatchObject({ code: 410 });
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { editDistance, nearest } from '../../src/config/nearest.js';

const word = fc.string({ maxLength: 12 });

describe('editDistance', () => {
  it.each([
    ['', '', 0],
    ['status', 'status', 0],
    ['stauts', 'status', 1],
    ['manifest', 'manifests', 1],
    ['manifestss', 'manifests', 1],
    ['mamifests', 'manifests', 1],
    ['kitten', 'sitting', 3],
    ['', 'abc', 3],
  ])('of %j and %j is %d', (from, to, changes) => {
    expect(editDistance(from, to)).toBe(changes);
  });

  it('is 0 for equal words only, the same both ways, and never more than the longer one has letters', () => {
    fc.assert(
      fc.property(word, word, (a, b) => {
        const changes = editDistance(a, b);
        expect(changes === 0).toBe(a === b);
        expect(editDistance(b, a)).toBe(changes);
        expect(changes).toBeGreaterThanOrEqual(Math.abs(a.length - b.length));
        expect(changes).toBeLessThanOrEqual(Math.max(a.length, b.length));
      }),
    );
  });
});

describe('nearest', () => {
  it('finds a word in spite of one change anywhere', () => {
    const words = ['manifests', 'kubeconfig', 'proxy-port-range'];
    fc.assert(
      fc.property(fc.constantFrom(...words), fc.nat(), (meant, place) => {
        const at = place % meant.length;
        expect(nearest(meant.slice(0, at) + meant.slice(at + 1), words)).toBe(meant);
        expect(nearest(`${meant.slice(0, at)}#${meant.slice(at)}`, words)).toBe(meant);
        expect(nearest(`${meant.slice(0, at)}#${meant.slice(at + 1)}`, words)).toBe(meant);
      }),
    );
  });

  it('takes the first of equally near ones', () => {
    expect(nearest('cat', ['bat', 'hat'])).toBe('bat');
  });

  it('finds nothing where more than half would have to change', () => {
    expect(nearest('deployment.yaml', ['demo', 'status'])).toBeUndefined();
    expect(nearest('x', ['v', 'h'])).toBeUndefined();
    expect(nearest('', ['v'])).toBeUndefined();
    expect(nearest('demo', [])).toBeUndefined();
  });

  it('is quick to give up on a word of a megabyte', () => {
    expect(nearest('a'.repeat(1_000_000), ['alsologtostderr'])).toBeUndefined();
  });
});

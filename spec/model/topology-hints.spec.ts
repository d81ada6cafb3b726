import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Hinted } from '../../src/model/candidate-endpoint.js';
import { hintedForHere } from '../../src/model/topology-hints.js';

interface Hints {
  readonly nodeHint: Hinted;
  readonly zoneHint: Hinted;
}

/** The places in the list of those that are left. */
function followed(...hints: readonly (readonly [Hinted, Hinted])[]): number[] {
  const ready = hints.map(([nodeHint, zoneHint], index) => ({ nodeHint, zoneHint, index }));
  return hintedForHere(ready).map(({ index }) => index);
}

describe('hintedForHere', () => {
  it('follows zone hints where every endpoint has one and one names this zone', () => {
    expect(followed(['nobody', 'here'], ['nobody', 'others'], ['nobody', 'here'])).toEqual([0, 2]);
  });

  it('ignores zone hints where an endpoint has none', () => {
    expect(followed(['nobody', 'here'], ['nobody', 'nobody'])).toEqual([0, 1]);
  });

  it('ignores zone hints where none names this zone, as on a node without a zone', () => {
    expect(followed(['nobody', 'others'], ['nobody', 'others'])).toEqual([0, 1]);
  });

  it('follows node hints before zone hints', () => {
    expect(followed(['here', 'here'], ['others', 'here'])).toEqual([0]);
  });

  it('follows zone hints where an endpoint has no node hint', () => {
    expect(followed(['here', 'others'], ['nobody', 'here'])).toEqual([1]);
  });

  it('follows zone hints where no node hint names this node', () => {
    expect(followed(['others', 'others'], ['others', 'here'])).toEqual([1]);
  });

  it('ignores both where neither names this place', () => {
    expect(followed(['others', 'others'], ['others', 'others'])).toEqual([0, 1]);
  });

  it('has nothing to choose from where nothing is ready', () => {
    expect(followed()).toEqual([]);
  });

  it('never leaves nothing of something, nor anything that was not there', () => {
    const hinted = fc.constantFrom<Hinted>('nobody', 'others', 'here');
    const list: fc.Arbitrary<Hints[]> = fc.array(fc.record({ nodeHint: hinted, zoneHint: hinted }));
    fc.assert(
      fc.property(list, (ready) => {
        const left = hintedForHere(ready);
        expect(left.length > 0).toBe(ready.length > 0);
        for (const one of left) expect(ready).toContain(one);
      }),
    );
  });
});

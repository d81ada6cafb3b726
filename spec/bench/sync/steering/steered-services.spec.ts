import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CHANGE_KINDS,
  changedState,
  changingServices,
  steeredServices,
} from '../../../../bench/sync/steering/steered-services.js';
import type { SteeringState } from '../../../../src/steering/steering.js';

function contentOf({ redirects, portals }: SteeringState): readonly string[] {
  return [...redirects, ...portals].map((each) => JSON.stringify(each)).toSorted();
}

describe('the Services that rules are measured with', () => {
  it('have a ClusterIP and a portal each, and no two the same', () => {
    const { redirects, portals } = steeredServices(12_000);
    expect(new Set(redirects.map(({ servicePort }) => servicePort)).size).toBe(12_000);
    expect(new Set(redirects.map(({ address }) => address)).size).toBe(12_000);
    expect(new Set(portals.map(({ port }) => port)).size).toBe(12_000);
    expect(portals.every(({ port }) => port >= 10_000 && port < 60_000)).toBe(true);
    expect(redirects.map(({ portal }) => portal.port)).toEqual(portals.map(({ port }) => port));
  });

  it('are other ones after each change, and the same after all of them', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.nat(), (services, seed) => {
        const number = seed % services;
        const before = steeredServices(services);
        let state = before;
        for (const change of CHANGE_KINDS) {
          const next = changedState(state, change, number);
          expect(contentOf(next)).not.toEqual(contentOf(state));
          state = next;
        }
        expect(contentOf(state)).toEqual(contentOf(before));
      }),
    );
  });

  it('keep the objects of those that do not change', () => {
    const before = steeredServices(30);
    for (const change of ['endpoints gone', 'port changed', 'Service removed'] as const) {
      const { redirects } = changedState(before, change, 7);
      const same = redirects.filter((redirect) => before.redirects.includes(redirect));
      expect(same).toHaveLength(29);
    }
  });

  it('cannot change where they are not', () => {
    expect(() => changedState(steeredServices(3), 'endpoints gone', 3)).toThrow(RangeError);
  });
});

describe('changingServices', () => {
  it('are there, and apart from each other', () => {
    expect(changingServices(10, 2)).toEqual([2, 7]);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12_000 }),
        fc.integer({ min: 1, max: 100 }),
        (services, count) => {
          const numbers = changingServices(services, count);
          expect(numbers).toHaveLength(count);
          expect(numbers.every((number) => number >= 0 && number < services)).toBe(true);
          if (count <= services) expect(new Set(numbers).size).toBe(count);
        },
      ),
    );
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Rotation } from '../../src/balancer/rotation.js';
import { type Endpoint, endpoint } from '../../src/model/endpoint.js';

const NONE = new Set<string>();

function endpoints(...lastOctets: readonly number[]): Endpoint[] {
  return lastOctets.map((octet) => endpoint(`10.0.0.${octet}`, 80));
}

/** Which endpoints serve the next `count` picks, by last octet. */
function picks(rotation: Rotation, count: number): number[] {
  return Array.from({ length: count }, () => Number(rotation.pick(NONE)?.address.split('.')[3]));
}

function rotationOver(...lastOctets: readonly number[]): Rotation {
  const rotation = new Rotation(() => 0);
  rotation.replace(endpoints(...lastOctets));
  return rotation;
}

const octetSet = fc.uniqueArray(fc.integer({ min: 1, max: 12 }), { maxLength: 8 });

describe('a rotation', () => {
  it('serves nobody where there are no endpoints', () => {
    expect(rotationOver().pick(NONE)).toBeUndefined();
  });

  it('serves each endpoint of a fixed set once in every run of as many picks as there are endpoints', () => {
    fc.assert(
      fc.property(
        octetSet,
        fc.nat(30),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (octets, skip, start) => {
          const rotation = new Rotation(() => start);
          rotation.replace(endpoints(...octets));
          picks(rotation, skip);
          expect(picks(rotation, octets.length).sort()).toEqual([...octets].sort());
        },
      ),
    );
  });

  it('starts anywhere in a new set, so that many nodes do not all start on one endpoint', () => {
    const firsts = [0, 0.34, 0.67].map((start) => {
      const rotation = new Rotation(() => start);
      rotation.replace(endpoints(1, 2, 3));
      return picks(rotation, 1)[0];
    });
    expect(firsts).toEqual([1, 2, 3]);
  });

  it('goes on with the endpoint whose turn it was when others come', () => {
    const rotation = rotationOver(1, 2, 3);
    picks(rotation, 1);
    rotation.replace(endpoints(1, 2, 3, 4));
    expect(picks(rotation, 4)).toEqual([2, 3, 1, 4]);
  });

  it('goes on with the next survivor when the endpoint whose turn it was goes', () => {
    const rotation = rotationOver(1, 2, 3);
    picks(rotation, 1);
    rotation.replace(endpoints(1, 3));
    expect(picks(rotation, 4)).toEqual([3, 1, 3, 1]);
  });

  it('keeps the order of the survivors, whatever order they are given in', () => {
    const rotation = rotationOver(1, 2, 3, 4);
    rotation.replace(endpoints(4, 2, 3));
    expect(picks(rotation, 3)).toEqual([2, 3, 4]);
  });

  it('serves a newcomer within as many picks as there were endpoints when it came, while others come and go', () => {
    fc.assert(
      fc.property(octetSet, fc.array(fc.tuple(octetSet, fc.nat(3)), { maxLength: 20 }), (before, changes) => {
        const newcomer = 99;
        const rotation = rotationOver(...before);
        rotation.replace(endpoints(...before, newcomer));
        let waited = 0;
        for (const [others, pickCount] of changes) {
          const served = picks(rotation, pickCount);
          if (served.includes(newcomer)) return;
          waited += served.length;
          rotation.replace(endpoints(...others, newcomer));
        }
        expect(waited).toBeLessThanOrEqual(before.length);
      }),
    );
  });

  it('never serves a survivor twice before another survivor was served, while others come and go', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(octetSet, fc.nat(4)), { maxLength: 20 }), (changes) => {
        const rotation = rotationOver(101, 102);
        const survivorsServed: number[] = [];
        for (const [others, pickCount] of changes) {
          rotation.replace(endpoints(...others, 101, 102));
          survivorsServed.push(...picks(rotation, pickCount).filter((octet) => octet > 100));
        }
        const repeated = survivorsServed.filter((octet, index) => octet === survivorsServed[index - 1]);
        expect(repeated).toEqual([]);
      }),
    );
  });

  it('passes over endpoints that were tried', () => {
    const rotation = rotationOver(1, 2, 3);
    expect(rotation.pick(new Set(['10.0.0.1:80', '10.0.0.2:80']))?.key).toBe('10.0.0.3:80');
  });

  it('serves whose turn it is when every endpoint was tried', () => {
    const rotation = rotationOver(1, 2);
    const all = new Set(['10.0.0.1:80', '10.0.0.2:80']);
    expect([rotation.pick(all)?.key, rotation.pick(all)?.key]).toEqual(['10.0.0.1:80', '10.0.0.2:80']);
  });
});

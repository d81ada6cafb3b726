import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ENDPOINTS_PER_SLICE,
  probedServices,
  replacedEndpoint,
  serviceObject,
  sliceKeyOf,
  sliceObject,
} from '../../../bench/sync/cluster-content.js';
import { parseEndpointSlice } from '../../../src/model/endpoint-slice.js';
import { parseService } from '../../../src/model/service.js';
import { ClusterObjects } from '../../support/api-server/cluster-objects.js';

const uid = (): string => '3f0a1c52-7e0b-4b52-9d7e-0c6d1e7b7a11';

function addressesOf(number: number): readonly (string | undefined)[] {
  return sliceObject(number, uid).endpoints.map(({ addresses }) => addresses[0]);
}

describe('the cluster of the bench', () => {
  it('has Services and slices that kube-splice reads whole, as large as those of a real one', () => {
    const objects = new ClusterObjects();
    const service = objects.create('services', serviceObject(4_711));
    const slice = objects.create('endpointslices', sliceObject(4_711, uid));
    const read = parseEndpointSlice(slice);
    if (read.outcome !== 'parsed') throw new Error(`the slice is ${read.outcome}`);
    expect(parseService(service)).toMatchObject({ outcome: 'parsed', notes: [] });
    expect(read.value.endpoints).toHaveLength(ENDPOINTS_PER_SLICE);
    expect(objects.get('endpointslices', sliceKeyOf(4_711)).metadata.uid).toBe(slice.metadata.uid);
    expect(JSON.stringify(service).length).toBeGreaterThan(1_200);
    expect(JSON.stringify(slice).length).toBeGreaterThan(4_000);
  });

  it('has no two endpoints of one address', () => {
    const all = Array.from({ length: 10_000 }, (_, number) => addressesOf(number)).flat();
    expect(new Set(all).size).toBe(all.length);
  });

  it('puts the endpoints of a probed Service where they listen', () => {
    const addresses = Array.from({ length: ENDPOINTS_PER_SLICE }, (_, index) => `127.0.2.${index + 1}`);
    const slice = sliceObject(3, uid, { addresses, port: 4_242 });
    expect(slice.endpoints.map((endpoint) => endpoint.addresses)).toEqual(addresses.map((one) => [one]));
    expect(slice.ports).toEqual([{ name: 'http', protocol: 'TCP', port: 4_242 }]);
  });

  it('replaces an endpoint by another one, time after time', () => {
    const generations = [1, 2, 3, 4].map((generation) => replacedEndpoint(9_999, 9, generation, uid));
    const pods = generations.map(({ targetRef }) => targetRef.name);
    expect(new Set(pods).size).toBe(pods.length);
    const addresses = generations.map((endpoint) => endpoint.addresses[0]);
    for (let index = 1; index < addresses.length; index += 1)
      expect(addresses[index]).not.toBe(addresses[index - 1]);
    expect(addressesOf(9_999)).not.toContain(addresses[0]);
  });
});

describe('probedServices', () => {
  it('are so many, each another one, and there', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 2_000 }), (probed, more) => {
        const services = probed + more;
        const numbers = probedServices({ services, probed });
        expect(new Set(numbers).size).toBe(probed);
        expect(numbers.every((number) => number >= 0 && number < services)).toBe(true);
      }),
    );
  });

  it('cannot be more than there are', () => {
    expect(() => probedServices({ services: 2, probed: 3 })).toThrow(RangeError);
  });
});

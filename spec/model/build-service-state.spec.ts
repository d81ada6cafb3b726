import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildServiceState } from '../../src/model/build-service-state.js';
import { parseEndpointSlice } from '../../src/model/endpoint-slice.js';
import { parseService } from '../../src/model/service.js';
import type { ServiceState } from '../../src/model/service-state.js';
import { serviceObject, sliceObject } from '../support/kubernetes-objects.js';
import { parsedValue } from '../support/parsed.js';
import { services, slices } from '../support/slice-arbitraries.js';

const web = (spec = {}) => parsedValue(parseService(serviceObject(spec)));
const api = () => parsedValue(parseService(serviceObject({}, { name: 'api' })));
const webSlice = (...addresses: string[]) =>
  parsedValue(parseEndpointSlice(sliceObject(addresses.map((address) => ({ addresses: [address] })))));

describe('buildServiceState', () => {
  it('gives each service port its endpoints, in the order of the names', () => {
    const state = buildServiceState([web(), api()], [webSlice('10.0.0.2', '10.0.0.1')]);
    expect([...state.servicePorts.keys()]).toEqual(['default/api:http', 'default/web:http']);
    expect([...state.endpoints]).toEqual([
      [
        'default/web:http',
        [
          { key: '10.0.0.1:8080', address: '10.0.0.1', port: 8080 },
          { key: '10.0.0.2:8080', address: '10.0.0.2', port: 8080 },
        ],
      ],
    ]);
  });

  it('keeps apart Services of one name in two namespaces', () => {
    const other = { ...webSlice('10.0.0.9'), namespace: 'other' };
    const state = buildServiceState([web()], [webSlice('10.0.0.1'), other]);
    expect(state.endpoints.get('default/web:http')?.map(({ address }) => address)).toEqual(['10.0.0.1']);
  });

  it('returns the state before where nothing changed', () => {
    const before = buildServiceState([web(), api()], [webSlice('10.0.0.1')]);
    expect(buildServiceState([api(), web()], [webSlice('10.0.0.1')], before)).toBe(before);
  });

  it('keeps the identity of what did not change', () => {
    const before = buildServiceState([web(), api()], [webSlice('10.0.0.1')]);
    const after = buildServiceState([web({ clusterIP: '10.96.0.2' }), api()], [webSlice('10.0.0.1')], before);
    expect(after.servicePorts.get('default/api:http')).toBe(before.servicePorts.get('default/api:http'));
    expect(after.endpoints.get('default/web:http')).toBe(before.endpoints.get('default/web:http'));
    expect(after.servicePorts.get('default/web:http')?.clusterIPs).toEqual(['10.96.0.2']);
  });

  it.each([
    ['one more', ['10.0.0.1', '10.0.0.2']],
    ['one less', []],
    ['another', ['10.0.0.2']],
  ])('sees that endpoints changed: %s', (_what, addresses) => {
    const before = buildServiceState([web()], [webSlice('10.0.0.1')]);
    const after = buildServiceState([web()], [webSlice(...addresses)], before);
    expect(after).not.toBe(before);
    expect(after.endpoints.get('default/web:http')?.map(({ address }) => address) ?? []).toEqual(addresses);
    expect(after.servicePorts.get('default/web:http')).toBe(before.servicePorts.get('default/web:http'));
  });

  it('forgets a Service that is gone, and its endpoints with it', () => {
    const before = buildServiceState([web(), api()], [webSlice('10.0.0.1')]);
    const after = buildServiceState([api()], [webSlice('10.0.0.1')], before);
    expect([...after.servicePorts.keys()]).toEqual(['default/api:http']);
    expect(after.endpoints.size).toBe(0);
  });
});

describe('whatever the objects are', () => {
  const entries = ({ servicePorts, endpoints }: ServiceState) => ({
    servicePorts: [...servicePorts],
    endpoints: [...endpoints],
  });

  it('their order does not matter, not even to the order of what comes out', () => {
    const drawn = fc.tuple(services, slices).chain(([some, held]) =>
      fc.record({
        some: fc.constant(some),
        held: fc.constant(held),
        someShuffled: fc.shuffledSubarray(some, { minLength: some.length }),
        heldShuffled: fc.shuffledSubarray(held, { minLength: held.length }),
      }),
    );
    fc.assert(
      fc.property(drawn, ({ some, held, someShuffled, heldShuffled }) => {
        const state = buildServiceState(some, held);
        expect(entries(buildServiceState(someShuffled, heldShuffled))).toEqual(entries(state));
        expect(buildServiceState(someShuffled, heldShuffled, state)).toBe(state);
      }),
    );
  });

  it('a state built upon another is the state built from nothing, and keeps what is equal', () => {
    fc.assert(
      fc.property(services, slices, services, slices, (before, beforeSlices, after, afterSlices) => {
        const previous = buildServiceState(before, beforeSlices);
        const state = buildServiceState(after, afterSlices, previous);
        expect(entries(state)).toEqual(entries(buildServiceState(after, afterSlices)));
        for (const [name, endpoints] of state.endpoints) {
          const old = previous.endpoints.get(name);
          const same = JSON.stringify(old) === JSON.stringify(endpoints);
          expect(old === endpoints).toBe(same);
        }
        for (const [name, servicePort] of state.servicePorts) {
          const old = previous.servicePorts.get(name);
          expect(old === servicePort).toBe(JSON.stringify(old) === JSON.stringify(servicePort));
        }
      }),
    );
  });

  it('every list of endpoints belongs to a service port and has one at least', () => {
    fc.assert(
      fc.property(services, slices, (some, held) => {
        const state = buildServiceState(some, held);
        for (const [name, endpoints] of state.endpoints) {
          expect(state.servicePorts.has(name)).toBe(true);
          expect(endpoints.length).toBeGreaterThan(0);
        }
      }),
    );
  });
});

import { describe, expect, it } from 'vitest';
import type { EndpointSlice } from '../../src/model/endpoint-slice.js';
import { SlicesByService } from '../../src/model/slices-by-service.js';
import { aSlice, at } from '../support/slice-values.js';

const slice = (service: string, ...addresses: string[]) =>
  aSlice(
    addresses.map((address) => at(address)),
    { service },
  );

describe('SlicesByService', () => {
  it('finds the slices of a Service, of every object', () => {
    const slices = new SlicesByService();
    expect([...slices.set('one', [slice('web', '10.0.0.1')])]).toEqual(['default/web']);
    slices.set('two', [slice('web', '10.0.0.2'), slice('api', '10.0.0.3')]);
    expect(slices.of('default/web')).toEqual([slice('web', '10.0.0.1'), slice('web', '10.0.0.2')]);
    expect(slices.of('default/api')).toEqual([slice('api', '10.0.0.3')]);
    expect(slices.of('default/other')).toEqual([]);
    expect([...slices.objects()]).toEqual(['one', 'two']);
  });

  it('tells both Services where a slice moves from one to another', () => {
    const slices = new SlicesByService();
    slices.set('one', [slice('web')]);
    expect([...slices.set('one', [slice('api')])].sort()).toEqual(['default/api', 'default/web']);
    expect(slices.of('default/web')).toEqual([]);
    expect(slices.of('default/api')).toHaveLength(1);
  });

  it('forgets an object that is gone, and tells whose it was', () => {
    const slices = new SlicesByService();
    slices.set('one', [slice('web')]);
    expect([...slices.set('one', [])]).toEqual(['default/web']);
    expect([...slices.objects()]).toEqual([]);
    expect(slices.of('default/web')).toEqual([]);
    expect([...slices.set('one', [])]).toEqual([]);
  });

  it.each<[string, Partial<EndpointSlice>]>([
    ['its origin', { origin: 'Endpoints' }],
    ['its ports', { ports: [{ name: 'http', protocol: 'TCP', port: 81 }] }],
    ['the number of its ports', { ports: [] }],
    ['its endpoints', { endpoints: slice('web', '10.0.0.2').endpoints }],
    ['the number of its endpoints', { endpoints: slice('web', '10.0.0.1', '10.0.0.2').endpoints }],
  ])('tells nobody of a slice that came again, and its Service where %s changed', (_what, changes) => {
    const slices = new SlicesByService();
    slices.set('one', [slice('web', '10.0.0.1')]);
    expect([...slices.set('one', [slice('web', '10.0.0.1')])]).toEqual([]);
    const changed = { ...slice('web', '10.0.0.1'), ...changes };
    expect([...slices.set('one', [changed])]).toEqual(['default/web']);
    expect(slices.of('default/web')).toEqual([changed]);
  });

  it('tells nobody where it was changed for something else, and is as it was', () => {
    const slices = new SlicesByService();
    slices.set('one', [slice('web', '10.0.0.1')]);
    expect([...slices.set('one', [{ ...slice('web', '10.0.0.1'), triggeredAt: 1_000 }])]).toEqual([]);
  });
});

import { describe, expect, it } from 'vitest';
import { invalidObject, readObject, typeMetaOf } from '../../../src/sources/manifests/manifest-object.js';
import { endpointsObject, serviceObject, sliceObject } from '../../support/kubernetes-objects.js';

const PLACE = { path: ['items', 3], lineOf: () => 14 };
const META = { service: { apiVersion: 'v1', kind: 'Service' } };

describe('typeMetaOf', () => {
  it('is what the object says it is', () => {
    expect(typeMetaOf(serviceObject(), { apiVersion: 'v1', kind: 'Endpoints' })).toEqual(META.service);
  });

  it('is what its list says where the object does not', () => {
    expect(typeMetaOf({ metadata: {} }, META.service)).toEqual(META.service);
  });

  it.each([
    [{ kind: 'Service' }, ['apiVersion', 'is missing; every object has one']],
    [{ apiVersion: 'v1' }, ['kind', 'is missing; every object has one']],
    [{ apiVersion: 1, kind: 'Service' }, ['apiVersion', '1 is not text; put it in quotes']],
    ['Service', ['', '"Service" is not a mapping']],
    [['Service'], ['', 'a list is not a mapping']],
    [null, ['', 'is missing; give an object']],
  ])('is not told by %j', (value, [field, message]) => {
    const path = field === '' ? [] : [field];
    expect(typeMetaOf(value)).toEqual({ errors: [{ path, message }] });
  });
});

describe('readObject', () => {
  it('reads the kinds that are used', () => {
    const slice = sliceObject([{ addresses: ['10.0.0.1'] }]);
    const legacy = endpointsObject([
      { addresses: [{ ip: '10.0.0.1' }] },
      { addresses: [{ ip: '10.0.0.2' }] },
    ]);
    const discovery = { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' };
    const found = [
      readObject(serviceObject(), META.service, PLACE),
      readObject(slice, discovery, PLACE),
      readObject(legacy, { apiVersion: 'v1', kind: 'Endpoints' }, PLACE),
    ];
    expect(found.flatMap(({ objects }) => objects)).toMatchObject([
      { kind: 'Service', id: 'Service default/web', service: { name: 'web' } },
      { kind: 'endpoints', id: 'EndpointSlice default/web-abc', slices: [{ service: 'web' }] },
      { kind: 'endpoints', id: 'Endpoints default/web', slices: [{ service: 'web' }, { service: 'web' }] },
    ]);
    expect(found.flatMap(({ problems, remarks }) => [...problems, ...remarks])).toEqual([]);
  });

  it.each([
    { apiVersion: 'v1', kind: 'ConfigMap' },
    { apiVersion: 'apps/v1', kind: 'Service' },
    { apiVersion: 'discovery.k8s.io/v1beta1', kind: 'EndpointSlice' },
    { apiVersion: '__proto__', kind: 'constructor' },
  ])('only remarks $apiVersion $kind, for those who debug', (meta) => {
    const text = `${meta.kind} default/web (${meta.apiVersion}) is of a kind that is not used here`;
    expect(readObject(serviceObject(), meta, PLACE)).toEqual({
      objects: [],
      problems: [],
      remarks: [{ level: 4, text }],
    });
  });

  it('remarks what is left out, for those who operate', () => {
    const headless = readObject(serviceObject({ clusterIP: 'None' }), META.service, PLACE);
    expect(headless.remarks).toEqual([{ level: 2, text: 'Service default/web is left out: it is headless' }]);
    const ports = [
      { name: 'a', port: 1, protocol: 'SCTP' },
      { name: 'b', port: 1 },
    ];
    expect(readObject(serviceObject({ ports }), META.service, PLACE)).toMatchObject({
      objects: [{ id: 'Service default/web' }],
      remarks: [{ level: 2, text: 'Service default/web: port a is SCTP, which has no userspace proxy' }],
    });
  });

  it('reports every error with its line, its field and its object', () => {
    expect(readObject(serviceObject({ ports: [{ port: 70_000 }] }), META.service, PLACE).problems).toEqual([
      {
        code: 'MANIFEST_INVALID',
        line: 14,
        text: 'items[3].spec.ports[0].port: 70000 is not a port; give 1 to 65535',
        object: 'Service default/web',
      },
    ]);
  });

  it.each([
    [undefined, 'Service default/?'],
    ['web', 'Service default/?'],
    [{ name: 1, namespace: 2 }, 'Service default/?'],
    [{ namespace: 'prod' }, 'Service prod/?'],
  ])('names an object as far as its metadata %j allow', (metadata, object) => {
    const [problem] = readObject({ ...serviceObject(), metadata }, META.service, PLACE).problems;
    expect(problem?.object).toBe(object);
  });
});

it('an error of an object as a whole has no field in its text', () => {
  const place = { path: [], lineOf: () => 1 };
  expect(invalidObject([{ path: [], message: 'is a list' }], null, place).problems).toMatchObject([
    { line: 1, text: 'is a list' },
  ]);
});

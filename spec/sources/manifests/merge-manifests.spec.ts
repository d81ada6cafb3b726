import { describe, expect, it } from 'vitest';
import { readObject } from '../../../src/sources/manifests/manifest-object.js';
import { mergeManifests } from '../../../src/sources/manifests/merge-manifests.js';
import { endpointsObject, serviceObject } from '../../support/kubernetes-objects.js';

const PLACE = { path: [], lineOf: () => 1 };
const service = (clusterIP: string, namespace = 'default') =>
  readObject(serviceObject({ clusterIP }, { namespace }), { apiVersion: 'v1', kind: 'Service' }, PLACE)
    .objects;
const endpoints = () =>
  readObject(endpointsObject([{}]), { apiVersion: 'v1', kind: 'Endpoints' }, PLACE).objects;
const clusterIPs = (merged: ReturnType<typeof mergeManifests>) =>
  merged.services.map(({ servicePorts }) => servicePorts[0]?.clusterIPs[0]);

describe('mergeManifests', () => {
  it('takes the first of an object that is in two files, and reports the other', () => {
    const merged = mergeManifests([
      { path: 'a.yaml', objects: service('10.0.0.1') },
      { path: 'b.yaml', objects: service('10.0.0.2') },
    ]);
    expect(clusterIPs(merged)).toEqual(['10.0.0.1']);
    expect([...merged.duplicates]).toEqual([
      [
        'b.yaml',
        [
          {
            code: 'MANIFEST_DUPLICATE',
            line: null,
            text: 'Service default/web is in a.yaml already; that one is used',
            object: 'Service default/web',
          },
        ],
      ],
    ]);
  });

  it('takes the first of an object that is in one file twice', () => {
    const objects = [...service('10.0.0.1'), ...service('10.0.0.2')];
    const merged = mergeManifests([{ path: 'a.yaml', objects }]);
    expect(clusterIPs(merged)).toEqual(['10.0.0.1']);
    expect(merged.duplicates.get('a.yaml')).toMatchObject([
      { text: 'Service default/web is further up already; that one is used' },
    ]);
  });

  it('takes objects of other kinds and namespaces for others', () => {
    const objects = [...service('10.0.0.1'), ...service('10.0.0.2', 'prod'), ...endpoints()];
    const merged = mergeManifests([{ path: 'a.yaml', objects }]);
    expect(clusterIPs(merged)).toEqual(['10.0.0.1', '10.0.0.2']);
    expect([...merged.slices.keys()]).toEqual(['Endpoints default/web']);
    expect(merged.duplicates.size).toBe(0);
  });
});

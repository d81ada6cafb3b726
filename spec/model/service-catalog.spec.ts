import { describe, expect, it } from 'vitest';
import { parseEndpointSlice } from '../../src/model/endpoint-slice.js';
import { parseEndpoints } from '../../src/model/legacy-endpoints.js';
import { differingKeys } from '../../src/model/persistent-map.js';
import { parseService } from '../../src/model/service.js';
import { ServiceCatalog } from '../../src/model/service-catalog.js';
import type { ServiceState } from '../../src/model/service-state.js';
import {
  endpointsObject,
  type PlainObject,
  serviceObject,
  sliceObject,
} from '../support/kubernetes-objects.js';
import { parsedValue } from '../support/parsed.js';

const service = (name: string, spec: PlainObject = {}, namespace = 'default') =>
  parsedValue(parseService(serviceObject(spec, { name, namespace })));
const slice = (owner: string, addresses: readonly string[], fields: PlainObject = {}) => {
  const labels = { 'kubernetes.io/service-name': owner };
  const endpoints = addresses.map((address) => ({ addresses: [address], nodeName: 'node-a', ...fields }));
  return parsedValue(
    parseEndpointSlice(sliceObject(endpoints, { metadata: { name: `${owner}-1`, labels } })),
  );
};
const subsets = (...addresses: string[]) =>
  parsedValue(
    parseEndpoints(
      endpointsObject(
        addresses.map((ip) => ({ addresses: [{ ip }], ports: [{ name: 'http', port: 8080 }] })),
      ),
    ),
  );

/** One with the Services web and api, and a slice of each. */
function aCatalog(): ServiceCatalog {
  const catalog = new ServiceCatalog();
  catalog.setService('default/web', service('web'));
  catalog.setService('default/api', service('api'));
  catalog.setSlices('web-1', [slice('web', ['10.0.0.2', '10.0.0.1'])]);
  catalog.setSlices('api-1', [slice('api', ['10.0.1.1'])]);
  return catalog;
}

const served = ({ endpoints }: ServiceState) =>
  Object.fromEntries([...endpoints].map(([name, list]) => [name, list.map(({ address }) => address)]));

const WEB = 'default/web:http';
const API = 'default/api:http';

describe('ServiceCatalog', () => {
  it('gives each service port its endpoints', () => {
    const state = aCatalog().state();
    expect([...state.servicePorts.keys()].sort()).toEqual([API, WEB]);
    expect(served(state)).toEqual({ [WEB]: ['10.0.0.1', '10.0.0.2'], [API]: ['10.0.1.1'] });
    expect(state.endpoints.get(API)).toEqual([{ key: '10.0.1.1:8080', address: '10.0.1.1', port: 8080 }]);
  });

  it('has no entry for a service port without endpoints', () => {
    const catalog = aCatalog();
    catalog.setSlices('api-1', []);
    expect(served(catalog.state())).toEqual({ [WEB]: ['10.0.0.1', '10.0.0.2'] });
    expect(catalog.state().servicePorts.has(API)).toBe(true);
  });

  it('keeps apart Services of one name in two namespaces', () => {
    const catalog = aCatalog();
    catalog.setService('other/web', service('web', {}, 'other'));
    catalog.setSlices('other/web-1', [{ ...slice('web', ['10.0.0.9']), namespace: 'other' }]);
    expect(served(catalog.state())).toMatchObject({
      [WEB]: ['10.0.0.1', '10.0.0.2'],
      'other/web:http': ['10.0.0.9'],
    });
  });

  it('joins the slices of several objects, and leaves those of the others where one is gone', () => {
    const catalog = aCatalog();
    catalog.setSlices('web-2', [slice('web', ['10.0.0.3'])]);
    expect(served(catalog.state())[WEB]).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3']);
    catalog.setSlices('web-1', []);
    expect(served(catalog.state())[WEB]).toEqual(['10.0.0.3']);
  });

  it('takes a legacy Endpoints for as many slices as it has subsets', () => {
    const catalog = new ServiceCatalog();
    catalog.setSlices('Endpoints default/web', subsets('10.0.0.2', '10.0.0.1'));
    catalog.setService('default/web', service('web'));
    expect(served(catalog.state())).toEqual({ [WEB]: ['10.0.0.1', '10.0.0.2'] });
  });

  it('takes endpoints before their Service, and keeps them when it goes and comes back', () => {
    const catalog = aCatalog();
    const before = catalog.state();
    catalog.setService('default/web', undefined);
    expect([...catalog.state().servicePorts.keys()]).toEqual([API]);
    expect(served(catalog.state())).toEqual({ [API]: ['10.0.1.1'] });
    catalog.setService('default/web', service('web'));
    expect(served(catalog.state())).toEqual(served(before));
  });

  it('forgets a port that its Service does not have any more', () => {
    const catalog = aCatalog();
    catalog.state();
    catalog.setService('default/web', service('web', { ports: [{ name: 'https', port: 443 }] }));
    expect([...catalog.state().servicePorts.keys()].sort()).toEqual([API, 'default/web:https']);
    expect(served(catalog.state())).toEqual({ [API]: ['10.0.1.1'] });
  });

  it('gives traffic from outside its own endpoints where its policy is another, and takes them away again', () => {
    const catalog = aCatalog();
    const outside = { type: 'NodePort', ports: [{ name: 'http', port: 80, nodePort: 30080 }] };
    catalog.setService('default/web', service('web', { ...outside, externalTrafficPolicy: 'Local' }));
    expect([...catalog.state().externalEndpoints]).toEqual([[WEB, []]]);
    catalog.setNode({ name: 'node-a', zone: null });
    const state = catalog.state();
    expect(state.externalEndpoints.get(WEB)?.map(({ address }) => address)).toEqual(['10.0.0.1', '10.0.0.2']);
    catalog.setService('default/web', service('web', outside));
    expect(catalog.state().externalEndpoints.size).toBe(0);
  });

  it('counts what is ready on the node where a load balancer asks, before it has an address', () => {
    const catalog = new ServiceCatalog({ name: 'node-a', zone: null });
    const asked = { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 32000 };
    const draining = { conditions: { ready: false, serving: true, terminating: true } };
    catalog.setService('default/web', service('web', asked));
    catalog.setSlices('web-1', [slice('web', ['10.0.0.1'])]);
    const before = catalog.state();
    expect(before.readyLocalEndpoints.get(WEB)?.map(({ key }) => key)).toEqual(['10.0.0.1:8080']);
    catalog.setSlices('web-1', [slice('web', ['10.0.0.1'], draining)]);
    const after = catalog.state();
    expect(after).not.toBe(before);
    expect(after.endpoints).toBe(before.endpoints);
    expect([...after.readyLocalEndpoints]).toEqual([[WEB, []]]);
    catalog.setService('default/web', service('web'));
    expect(catalog.state().readyLocalEndpoints.size).toBe(0);
  });

  it('follows the node to another zone', () => {
    const catalog = new ServiceCatalog({ name: 'node-a', zone: 'zone-a' });
    const meantFor = (zone: string) => ({ hints: { forZones: [{ name: zone }] } });
    catalog.setService('default/web', service('web'));
    catalog.setSlices('web-1', [slice('web', ['10.0.0.1'], meantFor('zone-a'))]);
    catalog.setSlices('web-2', [slice('web', ['10.0.0.2'], meantFor('zone-b'))]);
    expect(served(catalog.state())).toEqual({ [WEB]: ['10.0.0.1'] });
    catalog.setNode({ name: 'node-a', zone: 'zone-b' });
    expect(served(catalog.state())).toEqual({ [WEB]: ['10.0.0.2'] });
    catalog.setNode({ name: 'node-a', zone: null });
    expect(served(catalog.state())).toEqual({ [WEB]: ['10.0.0.1', '10.0.0.2'] });
  });

  it('tells why traffic goes to which endpoints, by the objects and the node as they are now', () => {
    const catalog = aCatalog();
    const judged = () =>
      catalog.verdicts(WEB)?.endpoints.map(({ endpoint, internal }) => [endpoint.address, internal]);
    expect(judged()).toEqual([
      ['10.0.0.1', null],
      ['10.0.0.2', null],
    ]);
    catalog.setService('default/web', service('web', { internalTrafficPolicy: 'Local' }));
    catalog.setNode({ name: 'node-b', zone: null });
    expect(judged()).toEqual([
      ['10.0.0.1', 'other-node'],
      ['10.0.0.2', 'other-node'],
    ]);
    expect(catalog.verdicts('default/web:https')).toBeNull();
    expect(catalog.verdicts('default/nobody')).toBeNull();
  });

  it('takes a list of all for all there are', () => {
    const catalog = aCatalog();
    catalog.state();
    catalog.replaceServices([service('web'), service('dns')]);
    catalog.replaceSlices([
      ['web-9', [slice('web', ['10.0.0.9'])]],
      ['dns-1', [slice('dns', ['10.0.2.1'])]],
    ]);
    expect([...catalog.state().servicePorts.keys()].sort()).toEqual(['default/dns:http', WEB]);
    expect(served(catalog.state())).toEqual({ [WEB]: ['10.0.0.9'], 'default/dns:http': ['10.0.2.1'] });
  });
});

describe('a state after another', () => {
  it('is the same one where nothing is different', () => {
    const catalog = aCatalog();
    const before = catalog.state();
    expect(catalog.state()).toBe(before);
    catalog.setService('default/web', service('web'));
    catalog.setSlices('web-1', [slice('web', ['10.0.0.1', '10.0.0.2'])]);
    catalog.setSlices('gone', []);
    catalog.setNode({ name: null, zone: null });
    expect(catalog.state()).toBe(before);
    catalog.replaceServices([service('api'), service('web')]);
    catalog.replaceSlices([
      ['api-1', [slice('api', ['10.0.1.1'])]],
      ['web-1', [slice('web', ['10.0.0.2', '10.0.0.1'])]],
    ]);
    expect(catalog.state()).toBe(before);
  });

  it('is the same one where a change was taken back before anyone asked', () => {
    const catalog = aCatalog();
    const before = catalog.state();
    catalog.setService('default/web', undefined);
    catalog.setSlices('web-1', []);
    catalog.setSlices('web-1', [slice('web', ['10.0.0.1', '10.0.0.2'])]);
    catalog.setService('default/web', service('web'));
    expect(catalog.state()).toBe(before);
  });

  it('shares all that did not change', () => {
    const catalog = aCatalog();
    const before = catalog.state();
    catalog.setSlices('web-1', [slice('web', ['10.0.0.1'])]);
    const after = catalog.state();
    expect(after).not.toBe(before);
    expect(after.servicePorts).toBe(before.servicePorts);
    expect(after.externalEndpoints).toBe(before.externalEndpoints);
    expect([...differingKeys(before.endpoints, after.endpoints)]).toEqual([WEB]);
    expect(after.endpoints.get(API)).toBe(before.endpoints.get(API));
  });

  it('keeps the list of endpoints where only the Service changed', () => {
    const catalog = aCatalog();
    const before = catalog.state();
    catalog.setService('default/web', service('web', { clusterIP: '10.96.0.2' }));
    const after = catalog.state();
    expect(after.servicePorts.get(WEB)?.clusterIPs).toEqual(['10.96.0.2']);
    expect(after.endpoints).toBe(before.endpoints);
    expect([...differingKeys(before.servicePorts, after.servicePorts)]).toEqual([WEB]);
  });

  it('leaves the state before as it was', () => {
    const catalog = aCatalog();
    const before = catalog.state();
    const held = served(before);
    catalog.replaceServices([]);
    expect(catalog.state().servicePorts.size).toBe(0);
    expect(served(before)).toEqual(held);
    expect(before.servicePorts.size).toBe(2);
  });
});

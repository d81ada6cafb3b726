import { describe, expect, it } from 'vitest';
import { isServed } from '../../../src/sources/apiserver/is-served.js';
import { ENDPOINT_SLICES, ENDPOINTS } from '../../../src/sources/apiserver/resource.js';
import { apiClient } from '../../support/api-client.js';
import { answerInstead, cutBeforeHeaders, refuse } from '../../support/api-server/faults.js';
import { startApiServer } from '../../support/api-server/started-api-server.js';
import { forbidden } from '../../support/api-server/status.js';
import { clusterSource } from '../../support/cluster-source.js';
import { eventually } from '../../support/deadline.js';
import { endpointsObject, nodeObject, serviceObject } from '../../support/kubernetes-objects.js';

const DISCOVERY = { path: '/apis/discovery.k8s.io/v1' };
const never = new AbortController().signal;

describe('whether a server has a resource', () => {
  it('is what discovery says of its group and version', async () => {
    const [young, old] = [await startApiServer(), await startApiServer({ servesSlices: false })];
    expect(await isServed(await apiClient(young.url), ENDPOINT_SLICES, never)).toBe(true);
    expect(await isServed(await apiClient(old.url), ENDPOINT_SLICES, never)).toBe(false);
    expect(await isServed(await apiClient(old.url), ENDPOINTS, never)).toBe(true);
  });

  it('is not denied where discovery is refused, or broken', async () => {
    const server = await startApiServer({ servesSlices: false });
    const client = await apiClient(server.url);
    server.faults.next(DISCOVERY, answerInstead(403, '{}'));
    expect(await isServed(client, ENDPOINT_SLICES, never)).toBe(true);
    server.faults.next(DISCOVERY, cutBeforeHeaders);
    await expect(isServed(client, ENDPOINT_SLICES, never)).rejects.toMatchObject({
      code: 'APISERVER_UNREACHABLE',
    });
  });

  it('decides what is read by who has the rights of an old kube-proxy: no slices', async () => {
    const refusal = refuse(forbidden('endpointslices', 'system:kube-proxy'));
    const [old, young] = [await startApiServer({ servesSlices: false }), await startApiServer()];
    for (const server of [old, young]) {
      server.faults.always({ path: ENDPOINT_SLICES.path }, refusal);
      server.create('nodes', nodeObject([]));
      server.create('services', serviceObject());
      const subset = { addresses: [{ ip: '10.0.0.1' }], ports: [{ name: 'http', port: 8080 }] };
      server.create('endpoints', endpointsObject([subset]));
    }
    const { states, source } = await clusterSource(old);
    await states.toServe({ 'default/web:http': ['10.0.0.1:8080'] });
    expect(source.status()).toMatchObject([{ connected: true, endpointApi: 'Endpoints' }]);
    // A server that has slices keeps its word: what it holds in Endpoints may be cut off at a thousand.
    const other = await clusterSource(young);
    await eventually(() =>
      expect(other.source.status()).toMatchObject([
        { connected: false, errors: [expect.stringContaining('APISERVER_FORBIDDEN')] },
      ]),
    );
    expect(young.requests.count({ resource: 'endpoints' })).toBe(0);
  });
});

import { describe, expect, it } from 'vitest';
import { cutBeforeHeaders } from '../../support/api-server/faults.js';
import { startApiServer } from '../../support/api-server/started-api-server.js';
import { clusterSource } from '../../support/cluster-source.js';
import { eventually } from '../../support/deadline.js';
import { endpointsObject, nodeObject, serviceObject } from '../../support/kubernetes-objects.js';

describe('the source of a cluster that is not what it should be', () => {
  it('is well again on an old cluster whose server was away when it was first asked', async () => {
    const server = await startApiServer({ servesSlices: false });
    server.create('nodes', nodeObject([]));
    server.create('services', serviceObject());
    server.create(
      'endpoints',
      endpointsObject([{ addresses: [{ ip: '10.0.0.1' }], ports: [{ name: 'http', port: 8080 }] }]),
    );
    server.faults.next({ resource: 'endpointslices' }, cutBeforeHeaders);
    const { states, source, logger } = await clusterSource(server);
    await states.toServe({ 'default/web:http': ['10.0.0.1:8080'] });
    expect(logger.messages('warn')).toEqual([expect.stringMatching(/^APISERVER_UNREACHABLE: /)]);
    expect(source.status()).toMatchObject([{ connected: true, stale: false, errors: [] }]);
  });

  it.each([
    ['a mapping', '{"toString":1,"valueOf":1}'],
    ['a deep list', `${'['.repeat(20_000)}${']'.repeat(20_000)}`],
    ['missing', 'null'],
  ])('lives on where the name of an object is %s', async (_, name) => {
    const server = await startApiServer();
    server.create('nodes', nodeObject([]));
    server.create('services', serviceObject());
    const { states, source } = await clusterSource(server);
    await states.toServe({ 'default/web:http': [] });
    server.sendToWatches(
      `{"type":"ADDED","object":{"metadata":{"name":${name},"resourceVersion":"${server.resourceVersion}"}}}\n`,
      'services',
    );
    await eventually(() => expect(source.status()[0]?.errors).toHaveLength(1));
    server.delete('services', 'default/web');
    await states.toServe({});
  });

  it('does not call its node unknown where the node cannot be read', async () => {
    const server = await startApiServer();
    server.create('services', serviceObject());
    server.create('nodes', nodeObject([{ type: 'InternalIP', address: 'nowhere' }]));
    const { states, source, logger } = await clusterSource(server);
    await states.toServe({ 'default/web:http': [] });
    expect(source.status()[0]?.errors).toEqual([
      expect.stringMatching(/^nodes node-a cannot be read, .*"nowhere"/),
    ]);
    expect(logger.messages('warn')).toHaveLength(1);
  });
});

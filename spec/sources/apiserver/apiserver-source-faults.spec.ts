import { describe, expect, it } from 'vitest';
import { cutBeforeHeaders, garbageLine } from '../../support/api-server/faults.js';
import { startApiServer } from '../../support/api-server/started-api-server.js';
import { internalError } from '../../support/api-server/status.js';
import { clusterSource } from '../../support/cluster-source.js';
import { eventually } from '../../support/deadline.js';
import { endpointsObject, nodeObject, serviceObject, sliceObject } from '../../support/kubernetes-objects.js';

const WATCH_SERVICES = { kind: 'watch', resource: 'services' } as const;

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

  it('tells once that watches are accepted and fail then, however often, and that they do not any more', async () => {
    const server = await startApiServer();
    server.create('nodes', nodeObject([]));
    server.create('services', serviceObject());
    const fault = { type: 'ERROR', object: internalError('etcdserver: no leader') };
    const heal = server.faults.always(WATCH_SERVICES, garbageLine(JSON.stringify(fault)));
    const { states, source, logger } = await clusterSource(server);
    await states.toServe({ 'default/web:http': [] });
    await eventually(() => expect(server.requests.count(WATCH_SERVICES)).toBeGreaterThan(4));
    const told = logger.lines.filter(({ message }) => !message.startsWith('endpoints'));
    expect(told.map(({ level, message }) => `${level} ${message}`)).toEqual([
      'info the API server answers',
      expect.stringMatching(/^warn APISERVER_FAILED: .*no leader/),
    ]);
    expect(source.status()).toMatchObject([{ connected: false, stale: true }]);
    heal();
    await eventually(() => {
      server.sendBookmarks();
      expect(source.status()).toMatchObject([{ connected: true, errors: [] }]);
    });
    expect(logger.messages('info').at(-1)).toBe('the API server answers again');
  });

  it('names some of the objects that cannot be read, and the number of the others', async () => {
    const server = await startApiServer();
    server.create('nodes', nodeObject([]));
    server.create('services', serviceObject());
    for (let count = 0; count < 50; count += 1) {
      const metadata = { ...(sliceObject([]).metadata as object), name: `web-${count}` };
      server.create('endpointslices', sliceObject([{ addresses: ['nowhere'] }], { metadata }));
    }
    const { states, source, logger } = await clusterSource(server);
    await states.toServe({ 'default/web:http': [] });
    expect(source.status()[0]?.errors).toHaveLength(21);
    expect(source.status()[0]?.errors.at(-1)).toBe('30 more objects cannot be read');
    expect(logger.messages('warn')).toHaveLength(21);
  });

  it('holds the name of an object that cannot be read to what a name may be', async () => {
    const server = await startApiServer();
    server.create('nodes', nodeObject([]));
    const { source } = await clusterSource(server);
    await eventually(() => expect(server.openWatches('services')).toBe(1));
    const object = { metadata: { name: 'x'.repeat(1_000_000), resourceVersion: '1000' } };
    server.sendToWatches(`${JSON.stringify({ type: 'ADDED', object })}\n`, 'services');
    await eventually(() => expect(source.status()[0]?.errors).toHaveLength(1));
    expect(source.status()[0]?.errors[0]?.length).toBeLessThan(1_000);
  });
});

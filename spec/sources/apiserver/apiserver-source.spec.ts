import { describe, expect, it } from 'vitest';
import { refuse } from '../../support/api-server/faults.js';
import { startApiServer } from '../../support/api-server/started-api-server.js';
import { forbidden } from '../../support/api-server/status.js';
import { clusterSource } from '../../support/cluster-source.js';
import { eventually, within } from '../../support/deadline.js';
import { endpointsObject, nodeObject, serviceObject, sliceObject } from '../../support/kubernetes-objects.js';

const SLICE = sliceObject([{ addresses: ['10.0.0.1'] }, { addresses: ['10.0.0.2'] }]);
const BOTH = { 'default/web:http': ['10.0.0.1:8080', '10.0.0.2:8080'] };
const ZONE = 'topology.kubernetes.io/zone';

async function webServer(options: Parameters<typeof startApiServer>[0] = {}) {
  const server = await startApiServer(options);
  server.create(
    'nodes',
    nodeObject([{ type: 'InternalIP', address: '172.30.0.1' }], { labels: { [ZONE]: 'a' } }),
  );
  server.create('services', serviceObject());
  return server;
}

describe('the source of a cluster', () => {
  it('delivers what the cluster has, and what becomes of it', async () => {
    const server = await webServer();
    server.create('endpointslices', SLICE);
    const { states } = await clusterSource(server);
    await states.toServe(BOTH);
    server.patch('endpointslices', 'default/web-abc', { endpoints: [{ addresses: ['10.0.0.3'] }] });
    await states.toServe({ 'default/web:http': ['10.0.0.3:8080'] });
    server.delete('services', 'default/web');
    await states.toServe({});
    server.create('services', serviceObject());
    await states.toServe({ 'default/web:http': ['10.0.0.3:8080'] });
  });

  it.each(['services', 'endpointslices', 'nodes'] as const)(
    'delivers nothing before %s are known: a restart never tears down good state',
    async (resource) => {
      const server = await webServer();
      server.create('endpointslices', SLICE);
      const answer = server.faults.always({ kind: 'list', resource }, { kind: 'no-answer' });
      const { states, source } = await clusterSource(server);
      await within('the list', server.request({ kind: 'list', resource }));
      const others = (['services', 'endpointslices', 'nodes'] as const).filter((other) => other !== resource);
      for (const other of others)
        await within(`a watch of ${other}`, server.request({ kind: 'watch', resource: other }));
      expect(states.states).toEqual([]);
      expect(source.status()).toMatchObject([{ stale: false }]);
      answer();
    },
  );

  it('delivers one state for a list, not one for each page or object', async () => {
    const server = await webServer();
    for (let count = 0; count < 700; count += 1)
      server.create('services', serviceObject({ clusterIP: undefined }, { name: `s${count}` }));
    const { states } = await clusterSource(server);
    await eventually(() => expect(states.last?.servicePorts.size).toBe(701));
    expect(states.states).toHaveLength(1);
  });

  it('asks for headless and foreign Services in no request, nor for those of other nodes', async () => {
    const server = await webServer();
    const { states } = await clusterSource(server);
    await states.toServe({ 'default/web:http': [] });
    const selector = '!service.kubernetes.io/headless,!service.kubernetes.io/service-proxy-name';
    for (const { resource, query } of server.requests.all) {
      if (resource === 'nodes') expect(query.fieldSelector).toBe('metadata.name=node-a');
      else expect(query.labelSelector).toBe(selector);
    }
  });

  it('serves on what it knew while the server is away, and says so', async () => {
    const server = await webServer();
    server.create('endpointslices', SLICE);
    const { states, source, logger } = await clusterSource(server);
    await states.toServe(BOTH);
    expect(source.status()).toMatchObject([
      { kind: 'apiserver', location: server.url, objects: 2, connected: true, stale: false, errors: [] },
    ]);
    await server.pause();
    await eventually(() => expect(source.status()).toMatchObject([{ connected: false, stale: true }]));
    expect(source.status()[0]?.errors).toEqual([expect.stringMatching(/^APISERVER_UNREACHABLE: /)]);
    server.patch('endpointslices', 'default/web-abc', { endpoints: [] });
    expect(states.served).toEqual(BOTH);
    await server.resume();
    await states.toServe({ 'default/web:http': [] });
    await eventually(() =>
      expect(source.status()).toMatchObject([{ connected: true, stale: false, errors: [] }]),
    );
    expect(logger.messages('warn')).toEqual([expect.stringMatching(/^APISERVER_UNREACHABLE: /)]);
    expect(logger.messages('info').at(-1)).toBe('the API server answers again');
  });

  it('delivers nothing where a new list brings nothing new', async () => {
    const server = await webServer();
    server.create('endpointslices', SLICE);
    const { states } = await clusterSource(server);
    await states.toServe(BOTH);
    const before = states.states.length;
    server.create('namespaces', { metadata: { name: 'x' } });
    server.compact();
    const relisted = server.requests.next({ kind: 'list', resource: 'endpointslices' });
    const next = server.requests.next({ kind: 'watch', resource: 'endpointslices', status: 200 });
    server.cutWatches();
    await within('a new watch', next);
    await within('a new list', relisted);
    server.create('services', serviceObject({ clusterIP: undefined }, { name: 'last' }));
    await eventually(() => expect(states.last?.servicePorts.size).toBe(2));
    expect(states.states).toHaveLength(before + 1);
  });

  it('reads Endpoints where the server has no EndpointSlices, and says so', async () => {
    const server = await webServer({ servesSlices: false });
    server.create(
      'endpoints',
      endpointsObject([{ addresses: [{ ip: '10.0.0.1' }], ports: [{ name: 'http', port: 8080 }] }]),
    );
    const { states, source, logger } = await clusterSource(server);
    await states.toServe({ 'default/web:http': ['10.0.0.1:8080'] });
    expect(source.status()).toMatchObject([{ endpointApi: 'Endpoints' }]);
    expect(logger.lines).toContainEqual({
      level: 'info',
      message: 'endpoints are read',
      fields: { from: 'Endpoints', server: server.url },
    });
    server.delete('endpoints', 'default/web');
    await states.toServe({ 'default/web:http': [] });
  });

  it('keeps the last good form of an object that cannot be read, and tells it once', async () => {
    const server = await webServer();
    server.create('endpointslices', SLICE);
    const { states, source, logger } = await clusterSource(server);
    await states.toServe(BOTH);
    server.patch('endpointslices', 'default/web-abc', { endpoints: [{ addresses: ['nowhere'] }] });
    const line =
      'endpointslices default/web-abc cannot be read, its last good form is used: endpoints[0].addresses[0]: "nowhere" is not an IPv4 address';
    await eventually(() => expect(source.status()[0]?.errors).toEqual([line]));
    server.patch('endpointslices', 'default/web-abc', { metadata: { annotations: { a: 'b' } } });
    server.patch('services', 'default/web', { spec: { sessionAffinity: 'ClientIP' } });
    await eventually(() =>
      expect(states.last?.servicePorts.get('default/web:http')?.sessionAffinity.type).toBe('ClientIP'),
    );
    expect(states.served).toEqual(BOTH);
    expect(logger.messages('warn')).toEqual([line]);
    server.patch('endpointslices', 'default/web-abc', { endpoints: [] });
    await states.toServe({ 'default/web:http': [] });
    expect(source.status()[0]?.errors).toEqual([]);
  });

  it('stops while it waits, lists or watches, and delivers nothing then', async () => {
    const server = await webServer();
    const { states, source } = await clusterSource(server);
    await states.toServe({ 'default/web:http': [] });
    await within('the stop', source.stop());
    server.delete('services', 'default/web');
    await eventually(() => expect(server.connections).toBe(0));
    expect(states.served).toEqual({ 'default/web:http': [] });
  });
});

describe('the node of a cluster source', () => {
  it('tells its addresses, and which endpoints are near', async () => {
    const server = await webServer();
    const hinted = (address: string, zone: string) => ({
      addresses: [address],
      hints: { forZones: [{ name: zone }] },
    });
    server.create('endpointslices', sliceObject([hinted('10.0.0.1', 'a'), hinted('10.0.0.2', 'b')]));
    const { states, source } = await clusterSource(server);
    await states.toServe({ 'default/web:http': ['10.0.0.1:8080'] });
    expect(source.node).toEqual({ name: 'node-a', zone: 'a', addresses: ['172.30.0.1'], isLeaving: false });
    server.patch('nodes', 'node-a', { metadata: { labels: { [ZONE]: 'b' } } });
    await states.toServe({ 'default/web:http': ['10.0.0.2:8080'] });
    server.patch('nodes', 'node-a', { metadata: { labels: { [ZONE]: null } } });
    await states.toServe(BOTH);
  });

  it('that the cluster does not have is told once, and hides nothing', async () => {
    const server = await startApiServer();
    server.create('services', serviceObject());
    server.create('endpointslices', SLICE);
    const { states, source, logger } = await clusterSource(server);
    await states.toServe(BOTH);
    const problem = 'NODE_UNKNOWN: the API server has no Node named "node-a"';
    expect(logger.messages('warn')).toEqual([problem]);
    expect(source.status()).toMatchObject([{ connected: true, errors: [problem] }]);
    expect(source.node).toBeNull();
    server.create('nodes', nodeObject([]));
    await eventually(() =>
      expect(source.node).toEqual({ name: 'node-a', zone: null, addresses: [], isLeaving: false }),
    );
    expect(source.status()).toMatchObject([{ errors: [] }]);
  });

  it('that must not be read is told, and Services are served without it', async () => {
    const server = await webServer();
    server.create('endpointslices', SLICE);
    const allow = server.faults.always({ resource: 'nodes' }, refuse(forbidden('nodes', 'list')));
    const { states, source, logger } = await clusterSource(server);
    await states.toServe(BOTH);
    expect(source.status()).toMatchObject([
      { connected: true, stale: false, errors: [expect.stringMatching(/^APISERVER_FORBIDDEN: .*nodes/)] },
    ]);
    expect(logger.messages('warn')).toHaveLength(1);
    allow();
    await eventually(() => expect(source.node?.zone).toBe('a'));
    expect(source.status()).toMatchObject([{ errors: [] }]);
  });
});

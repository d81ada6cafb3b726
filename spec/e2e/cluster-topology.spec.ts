import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ApiServer } from '../support/api-server/api-server.js';
import { startApiServer } from '../support/api-server/started-api-server.js';
import { eventually } from '../support/deadline.js';
import { greetingAt, greetingsAt, sliceTo, startGreeter } from '../support/greeting-service.js';
import { endpointsObject, nodeObject, serviceObject } from '../support/kubernetes-objects.js';
import { Program, RunningProgram, serviceManifest, writeManifest } from '../support/program.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

/** A loopback address that no other spec uses: every port of it is free. */
const ADDRESS = '127.0.83.3';

const ZONE = 'topology.kubernetes.io/zone';

/** A server whose cluster has this node, in zone a. */
async function startServer(options = {}): Promise<ApiServer> {
  const server = await startApiServer(options);
  const addresses = [{ type: 'InternalIP', address: '192.0.2.11' }];
  server.create('nodes', nodeObject(addresses, { labels: { [ZONE]: 'a' } }));
  return server;
}

async function startedWith(server: ApiServer, ...flags: readonly string[]): Promise<RunningProgram> {
  const own = ['--master', server.url, '--hostname-override', 'node-a'];
  return RunningProgram.start(ADDRESS, [...own, ...flags]);
}

/** An endpoint of `default/web` that says its name. */
async function createEndpoint(server: ApiServer, name: string, fields = {}): Promise<void> {
  server.create('endpointslices', sliceTo(await startGreeter(name), { name: `web-${name}`, fields }));
}

describe('traffic policies of a cluster', () => {
  it('internal Local goes to the endpoints of this node only, and nowhere where there are none', async () => {
    const server = await startServer();
    server.create('services', serviceObject({ internalTrafficPolicy: 'Local' }));
    await createEndpoint(server, 'here', { nodeName: 'node-a' });
    await createEndpoint(server, 'elsewhere', { nodeName: 'node-b' });
    const proxy = await startedWith(server);
    const port = await proxy.portOf('default/web:http');
    expect(await greetingsAt(ADDRESS, port, 6)).toEqual(['here']);
    const [web] = (await proxy.report()).servicePorts;
    expect(web).toMatchObject({ internalTrafficPolicy: 'Local', external: null });
    expect(web?.endpoints).toHaveLength(1);
    server.delete('endpointslices', 'default/web-here');
    await eventually(() => expect(greetingAt(ADDRESS, port)).rejects.toThrow(/ECONNRESET/));
    server.patch('services', 'default/web', { spec: { internalTrafficPolicy: 'Cluster' } });
    await eventually(async () => expect(await greetingAt(ADDRESS, port)).toBe('elsewhere'));
  });

  it('external Local has a portal of its own, which leads to the endpoints of this node', async () => {
    const server = await startServer();
    server.create(
      'services',
      serviceObject({
        type: 'NodePort',
        externalTrafficPolicy: 'Local',
        ports: [{ name: 'http', port: 80, nodePort: 30080 }],
      }),
    );
    await createEndpoint(server, 'here', { nodeName: 'node-a' });
    await createEndpoint(server, 'elsewhere', { nodeName: 'node-b' });
    const proxy = await startedWith(server);
    const [web] = (await proxy.report()).servicePorts;
    if (web?.portal == null || web.external?.portal == null) throw new Error('there are two portals');
    expect(web).toMatchObject({ internalTrafficPolicy: 'Cluster', externalTrafficPolicy: 'Local' });
    expect(await greetingsAt(ADDRESS, web.portal.port, 6)).toEqual(['elsewhere', 'here']);
    expect(await greetingsAt(ADDRESS, web.external.portal.port, 6)).toEqual(['here']);
    const { stdout } = await Program.run('status', '--healthz-bind-address', ADDRESS);
    expect(stdout).toMatch(
      new RegExp(`default/web:http \\(external\\) .*${ADDRESS}:${web.external.portal.port}`),
    );
    expect(stdout).toContain('node node-a, zone a, addresses 192.0.2.11');
    // Where both policies are the same again, one portal serves both.
    server.patch('services', 'default/web', { spec: { externalTrafficPolicy: 'Cluster' } });
    await eventually(async () => expect((await proxy.report()).servicePorts[0]?.external).toBeNull());
    const { port } = web.external.portal;
    await eventually(() => expect(greetingAt(ADDRESS, port)).rejects.toThrow(/ECONNREFUSED/));
    expect(await proxy.portOf('default/web:http')).toBe(web.portal.port);
  });

  it('hints keep traffic in the zone of this node, as long as every endpoint has one', async () => {
    const server = await startServer();
    server.create('services', serviceObject());
    await createEndpoint(server, 'near', { hints: { forZones: [{ name: 'a' }] } });
    await createEndpoint(server, 'far', { hints: { forZones: [{ name: 'b' }] } });
    const proxy = await startedWith(server);
    const port = await proxy.portOf('default/web:http');
    expect(await greetingsAt(ADDRESS, port, 6)).toEqual(['near']);
    // The node moves to the other zone, then to one that nothing is meant for.
    server.patch('nodes', 'node-a', { metadata: { labels: { [ZONE]: 'b' } } });
    await eventually(async () => expect(await greetingsAt(ADDRESS, port, 6)).toEqual(['far']));
    server.patch('nodes', 'node-a', { metadata: { labels: { [ZONE]: 'c' } } });
    await eventually(async () => expect(await greetingsAt(ADDRESS, port, 6)).toEqual(['far', 'near']));
    server.patch('nodes', 'node-a', { metadata: { labels: { [ZONE]: 'a' } } });
    await eventually(async () => expect(await greetingsAt(ADDRESS, port, 6)).toEqual(['near']));
    await createEndpoint(server, 'without');
    await eventually(async () =>
      expect(await greetingsAt(ADDRESS, port, 9)).toEqual(['far', 'near', 'without']),
    );
  });
});

describe('the cluster beside other sources', () => {
  it('a Service that a manifest declares too is that of the manifest, and the log says so', async () => {
    const server = await startServer();
    server.create('services', serviceObject({ ports: [{ name: 'main', port: 80 }] }));
    server.create('services', serviceObject({ clusterIP: '10.96.0.2' }, { name: 'other' }));
    const manifest = writeManifest(
      join(temporaryDirectory(), 'web.yaml'),
      serviceManifest('web', [await startGreeter('manifest')]),
    );
    const proxy = await startedWith(server, '--manifests', manifest);
    expect(await greetingAt(ADDRESS, await proxy.portOf('default/web:main'))).toBe('manifest');
    const { servicePorts, sources } = await proxy.report();
    expect(servicePorts.map(({ name }) => name)).toEqual(['default/other:http', 'default/web:main']);
    expect(sources.map(({ kind }) => kind)).toEqual(['manifests', 'apiserver']);
    expect(
      proxy.program.stderr.match(/a manifest declares this Service too.*servicePort=default\/web:main/g),
    ).toHaveLength(1);
    // What the manifest hides comes to light when that is gone.
    writeManifest(manifest, '');
    await eventually(async () =>
      expect((await proxy.report()).servicePorts).toMatchObject([
        { name: 'default/other:http' },
        { name: 'default/web:main', clusterIP: '10.96.0.1', endpoints: [] },
      ]),
    );
  });

  it('an old cluster has no slices: its Endpoints are read, and status and log say so', async () => {
    const server = await startServer({ servesSlices: false, gitVersion: 'v1.20.15' });
    server.create('services', serviceObject());
    const greeter = await startGreeter('old');
    const subset = {
      addresses: [{ ip: greeter.address, nodeName: 'node-a' }],
      ports: [{ name: 'http', port: greeter.port }],
    };
    server.create('endpoints', endpointsObject([subset]));
    const proxy = await startedWith(server);
    expect(await greetingAt(ADDRESS, await proxy.portOf('default/web:http'))).toBe('old');
    expect(proxy.program.stderr).toMatch(/endpoints are read from=Endpoints/);
    expect((await proxy.report()).sources).toMatchObject([{ endpointApi: 'Endpoints', errors: [] }]);
    const { stdout } = await Program.run('status', '--healthz-bind-address', ADDRESS);
    expect(stdout).toContain('endpoints from Endpoints');
    // It is nothing to warn of. And they are watched.
    expect(proxy.program.stderr).not.toMatch(/WARN/);
    server.update('endpoints', endpointsObject([]));
    const port = await proxy.portOf('default/web:http');
    await eventually(() => expect(greetingAt(ADDRESS, port)).rejects.toThrow(/ECONNRESET/));
  });
});

describe('a node that is about to be deleted', () => {
  it('is unhealthy for load balancers, lives, and serves on', async () => {
    const server = await startServer();
    server.create('services', serviceObject());
    await createEndpoint(server, 'here', { nodeName: 'node-a' });
    const proxy = await startedWith(server);
    const port = await proxy.portOf('default/web:http');
    const codes = async () => {
      const [health, live] = [await proxy.get('/healthz'), await proxy.get('/livez')];
      return [health.status, live.status];
    };
    await eventually(async () => expect(await codes()).toEqual([200, 200]));
    server.patch('nodes', 'node-a', { spec: { taints: [{ key: 'ToBeDeletedByClusterAutoscaler' }] } });
    await eventually(async () => expect(await codes()).toEqual([503, 200]));
    expect(await greetingAt(ADDRESS, port)).toBe('here');
    await proxy.program.says(/this node is to be deleted.*node-a/);
    server.patch('nodes', 'node-a', { spec: { taints: [] } });
    await eventually(async () => expect(await codes()).toEqual([200, 200]));
  });
});

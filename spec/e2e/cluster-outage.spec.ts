import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ApiServer } from '../support/api-server/api-server.js';
import { startApiServer } from '../support/api-server/started-api-server.js';
import { eventually } from '../support/deadline.js';
import { greetingAt, greetingsAt, sliceTo, startGreeter } from '../support/greeting-service.js';
import { nodeObject, serviceObject } from '../support/kubernetes-objects.js';
import { RunningProgram } from '../support/program.js';
import { echo, TcpEndpoint } from '../support/tcp-endpoint.js';
import { tcpConnect } from '../support/tcp-peer.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

/** A loopback address that no other spec uses: every port of it is free. */
const ADDRESS = '127.0.83.2';

/** The longest wait between two tries is 1.6 s at first, then twice that; a busy machine needs more. */
const RECOVERY_MS = 15_000;

/** A server that knows this node. */
async function startServer(): Promise<ApiServer> {
  const server = await startApiServer();
  server.create('nodes', nodeObject([{ type: 'InternalIP', address: '192.0.2.11' }]));
  return server;
}

function launchWith(server: ApiServer, ...flags: readonly string[]): RunningProgram {
  const own = ['--master', server.url, '--hostname-override', 'node-a'];
  return RunningProgram.launch(ADDRESS, [...own, ...flags]);
}

async function startedWith(server: ApiServer, ...flags: readonly string[]): Promise<RunningProgram> {
  const running = launchWith(server, ...flags);
  await running.program.says(/ready/);
  return running;
}

function createService(server: ApiServer, name: string, clusterIP: string): void {
  server.create('services', serviceObject({ clusterIP }, { name }));
}

async function namesOf(proxy: RunningProgram): Promise<string[]> {
  return (await proxy.report()).servicePorts.map(({ name }) => name);
}

async function sourceOf(proxy: RunningProgram, kind: string) {
  const source = (await proxy.report()).sources.find((candidate) => candidate.kind === kind);
  if (source === undefined) throw new Error(`there is no source of kind ${kind}`);
  return source;
}

describe('while the API server is away', () => {
  it('traffic goes on, and what changed meanwhile arrives, without a new list', async () => {
    const server = await startServer();
    const echoing = await TcpEndpoint.listen(echo);
    createService(server, 'open', '10.96.0.2');
    server.create('endpointslices', sliceTo(echoing.endpoint, { name: 'open-a', service: 'open' }));
    createService(server, 'web', '10.96.0.1');
    server.create('endpointslices', sliceTo(await startGreeter('before'), { name: 'web-a' }));
    const proxy = await startedWith(server);
    const port = await proxy.portOf('default/web:http');
    const open = await tcpConnect({ address: ADDRESS, port: await proxy.portOf('default/open:http') });
    await open.send('one');
    expect(await open.text(3)).toBe('one');
    await eventually(() => expect(server.openWatches()).toBe(3));

    await server.pause();
    await proxy.program.says(/APISERVER_UNREACHABLE/);
    expect(await greetingAt(ADDRESS, port)).toBe('before');
    await open.send('two');
    expect(await open.text(3)).toBe('two');
    expect(await sourceOf(proxy, 'apiserver')).toMatchObject({ connected: false, stale: true });
    server.delete('endpointslices', 'default/web-a');
    server.create('endpointslices', sliceTo(await startGreeter('after'), { name: 'web-b' }));
    createService(server, 'short', '10.96.0.3');
    server.delete('services', 'default/short');
    createService(server, 'new', '10.96.0.4');
    await server.resume();

    await eventually(async () => expect(await greetingAt(ADDRESS, port)).toBe('after'), RECOVERY_MS);
    await eventually(
      async () =>
        expect(await namesOf(proxy)).toEqual(['default/new:http', 'default/open:http', 'default/web:http']),
      RECOVERY_MS,
    );
    expect(await greetingsAt(ADDRESS, port, 4)).toEqual(['after']);
    await eventually(
      async () =>
        expect(await sourceOf(proxy, 'apiserver')).toMatchObject({
          connected: true,
          stale: false,
          objects: 5,
          errors: [],
        }),
      RECOVERY_MS,
    );
    await open.send('three');
    expect(await open.text(5)).toBe('three');
    for (const resource of ['services', 'endpointslices', 'nodes'] as const)
      expect(server.requests.count({ kind: 'list', resource })).toBe(1);
    expect(proxy.program.stderr.match(/WARN +APISERVER_UNREACHABLE/g)).toHaveLength(1);
    expect(proxy.program.stderr.match(/the API server answers again/g)).toHaveLength(1);
  }, 40_000);

  it('and its history is compacted, it is listed once more, and nothing is lost or doubled', async () => {
    const server = await startServer();
    for (const [index, name] of ['kept', 'deleted', 'changed'].entries()) {
      createService(server, name, `10.96.0.${index + 1}`);
      const slice = sliceTo(await startGreeter(name), { name: `${name}-a`, service: name });
      server.create('endpointslices', slice);
    }
    const proxy = await startedWith(server);
    const port = await proxy.portOf('default/kept:http');
    await eventually(() => expect(server.openWatches()).toBe(3));
    await server.pause();
    server.delete('services', 'default/deleted');
    server.delete('endpointslices', 'default/deleted-a');
    server.patch('services', 'default/changed', { spec: { ports: [{ name: 'metrics', port: 9090 }] } });
    createService(server, 'new', '10.96.0.9');
    server.compact();
    await server.resume();

    const expected = ['default/changed:metrics', 'default/kept:http', 'default/new:http'];
    await eventually(async () => expect(await namesOf(proxy)).toEqual(expected), RECOVERY_MS);
    await eventually(
      async () =>
        expect(await sourceOf(proxy, 'apiserver')).toMatchObject({ connected: true, objects: 5, errors: [] }),
      RECOVERY_MS,
    );
    const { servicePorts } = await proxy.report();
    expect(servicePorts.map(({ endpoints }) => endpoints.length)).toEqual([0, 1, 0]);
    // The same portal: what did not change was not touched.
    expect(await proxy.portOf('default/kept:http')).toBe(port);
    expect(await greetingAt(ADDRESS, port)).toBe('kept');
    expect(server.requests.count({ kind: 'list', resource: 'services' })).toBe(2);
    expect(server.requests.count({ kind: 'list', resource: 'endpointslices' })).toBe(2);
  }, 40_000);
});

describe('a restart while the API server is away', () => {
  /** Serves once with a state directory, until the state is on disk; then both are away. */
  async function rememberedThenAway() {
    const directory = join(temporaryDirectory(), 'state');
    const server = await startServer();
    createService(server, 'web', '10.96.0.1');
    server.create('endpointslices', sliceTo(await startGreeter('remembered'), { name: 'web-a' }));
    const first = await startedWith(server, '--state-dir', directory);
    first.program.signal('SIGTERM');
    expect(await first.program.ended()).toBe(0);
    await server.pause();
    return { directory, server };
  }

  it('serves the last known state and says that it is stale; what the server has then replaces it', async () => {
    const { directory, server } = await rememberedThenAway();
    const file = join(directory, 'services.jsonl');
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const proxy = await startedWith(server, '--state-dir', directory);
    expect(await greetingAt(ADDRESS, await proxy.portOf('default/web:http'))).toBe('remembered');
    const snapshot = await sourceOf(proxy, 'snapshot');
    expect(snapshot).toMatchObject({ location: file, objects: 1, stale: true, errors: [] });
    expect(Date.parse(snapshot.savedAt ?? '')).toBeLessThanOrEqual(Date.now());
    expect(await sourceOf(proxy, 'apiserver')).toMatchObject({ connected: false, objects: 0 });

    server.delete('services', 'default/web');
    server.delete('endpointslices', 'default/web-a');
    createService(server, 'other', '10.96.0.2');
    server.create(
      'endpointslices',
      sliceTo(await startGreeter('other'), { name: 'other-a', service: 'other' }),
    );
    await server.resume();
    await eventually(async () => expect(await namesOf(proxy)).toEqual(['default/other:http']), RECOVERY_MS);
    expect(await greetingAt(ADDRESS, await proxy.portOf('default/other:http'))).toBe('other');
    const { sources } = await proxy.report();
    expect(sources.map(({ stale }) => stale)).toEqual([false, false]);
    // Saved a second after the first change, not only at the end.
    await eventually(() => expect(readFileSync(file, 'utf8')).toContain('"service":"other"'));
    expect(readFileSync(file, 'utf8')).not.toContain('"service":"web"');
  }, 40_000);

  it('does not serve the state of another API server', async () => {
    const { directory } = await rememberedThenAway();
    const other = await startServer();
    await other.pause();
    const proxy = launchWith(other, '--state-dir', directory);
    await proxy.program.says(/services\.jsonl: it is of another API server/);
    await proxy.program.says(/APISERVER_UNREACHABLE/);
    expect((await proxy.report()).servicePorts).toEqual([]);
  });

  it('waits without a state directory, shows itself meanwhile, and ends at once when told to', async () => {
    const server = await startServer();
    await server.pause();
    const proxy = launchWith(server);
    await proxy.program.says(/APISERVER_UNREACHABLE/);
    expect((await proxy.get('/healthz')).status).toBe(200);
    const { servicePorts, sync, sources } = await proxy.report();
    expect(servicePorts).toEqual([]);
    expect(sync.lastSynced).toBeNull();
    expect(sources).toMatchObject([
      { kind: 'apiserver', connected: false, stale: false, errors: [/APISERVER_UNREACHABLE/] },
    ]);
    const before = performance.now();
    proxy.program.signal('SIGTERM');
    expect(await proxy.program.ended()).toBe(0);
    // Not after the five seconds that open connections have.
    expect(performance.now() - before).toBeLessThan(3_000);
    expect(proxy.program.stderr).not.toMatch(/ready/);
  });

  it('serves although the state directory cannot be written, and says so in one line', async () => {
    const server = await startServer();
    createService(server, 'web', '10.96.0.1');
    // The directory above it is not there, and not made.
    const directory = join(temporaryDirectory(), 'missing', 'state');
    const proxy = await startedWith(server, '--state-dir', directory);
    await proxy.program.says(/SNAPSHOT_UNWRITABLE/);
    expect(await namesOf(proxy)).toEqual(['default/web:http']);
    expect((await sourceOf(proxy, 'snapshot')).errors).toHaveLength(1);
    expect(proxy.program.stderr.match(/SNAPSHOT_UNWRITABLE/g)).toHaveLength(1);
  });
});

import { describe, expect, it } from 'vitest';
import { eventually, within } from '../deadline.js';
import { serviceObject } from '../kubernetes-objects.js';
import type { ApiServer } from './api-server.js';
import { startApiServer } from './started-api-server.js';
import { ask, openStream, type WireStream } from './wire-client.js';

function watchServices(server: ApiServer, query: Record<string, string> = {}): Promise<WireStream> {
  const parameters = new URLSearchParams({
    watch: 'true',
    resourceVersion: `${server.resourceVersion}`,
    ...query,
  });
  return openStream(`${server.url}/api/v1/services?${parameters}`);
}

const service = (name: string, labels?: Record<string, string>): Record<string, unknown> =>
  serviceObject({}, { name, ...(labels === undefined ? {} : { labels }) });

describe('a watch of the API server of the specs', () => {
  it('tells what happened since its resourceVersion, and then what happens', async () => {
    const server = await startApiServer();
    server.create('services', service('before'));
    const from = server.resourceVersion;
    server.create('services', service('between'));
    const watch = await watchServices(server, { resourceVersion: `${from}` });
    server.patch('services', 'default/before', { spec: { sessionAffinity: 'ClientIP' } });
    server.delete('services', 'default/before');
    await watch.firstEvents(3);
    expect(watch.summary).toEqual(['ADDED between 3', 'MODIFIED before 4', 'DELETED before 5']);
    expect(watch.events[2]?.object.spec).toMatchObject({ sessionAffinity: 'ClientIP' });
  });

  it('begins with everything there is, where no resourceVersion is given', async () => {
    const server = await startApiServer();
    for (const name of ['b', 'a']) server.create('services', service(name));
    for (const resourceVersion of ['', '0']) {
      const watch = await watchServices(server, { resourceVersion });
      await watch.firstEvents(2);
      expect(watch.summary).toEqual(['ADDED a 3', 'ADDED b 2']);
    }
  });

  it('does not tell of a write that changes nothing', async () => {
    const server = await startApiServer();
    const created = server.create('services', service('web'));
    const watch = await watchServices(server);
    expect(server.update('services', created)).toEqual(created);
    server.patch('services', 'default/web', { metadata: { labels: { app: 'web' } } });
    await watch.firstEvents(1);
    expect(watch.summary).toEqual(['MODIFIED web 3']);
  });

  it('adds what begins to be selected, and deletes what ceases to be, as it was last', async () => {
    const server = await startApiServer();
    server.create('services', service('web'));
    server.create('services', service('foreign', { proxy: 'other' }));
    const watch = await watchServices(server, { labelSelector: '!proxy' });
    server.patch('services', 'default/web', { metadata: { labels: { proxy: 'other' } } });
    server.patch('services', 'default/foreign', { metadata: { labels: { more: 'yes' } } });
    server.patch('services', 'default/foreign', { metadata: { labels: { proxy: null } } });
    server.patch('services', 'default/foreign', { metadata: { labels: { more: 'no' } } });
    server.delete('services', 'default/web');
    server.delete('services', 'default/foreign');
    await watch.firstEvents(4);
    expect(watch.summary).toEqual([
      'DELETED web 4',
      'ADDED foreign 6',
      'MODIFIED foreign 7',
      'DELETED foreign 9',
    ]);
    expect(watch.events[0]?.object.metadata).not.toHaveProperty('labels');
  });

  it('is of one object, or one namespace, where that is asked for', async () => {
    const server = await startApiServer();
    const named = await watchServices(server, { fieldSelector: 'metadata.name=web' });
    const from = server.resourceVersion;
    const inNamespace = await openStream(
      `${server.url}/api/v1/namespaces/other/services?watch=1&resourceVersion=${from}`,
    );
    server.create('services', serviceObject({}, { name: 'api', namespace: 'other' }));
    server.create('services', service('web'));
    server.create('services', serviceObject({}, { name: 'last', namespace: 'other' }));
    await named.firstEvents(1);
    await inNamespace.firstEvents(2);
    expect(named.summary).toEqual(['ADDED web 3']);
    expect(inNamespace.summary).toEqual(['ADDED api 2', 'ADDED last 4']);
  });

  it('sends bookmarks to who allows them, as other writes count the resourceVersion on', async () => {
    const server = await startApiServer({ bookmarkIntervalMs: 20 });
    const without = await watchServices(server);
    const watch = await watchServices(server, { allowWatchBookmarks: 'true' });
    await watch.firstEvents(2);
    expect(watch.summary.slice(0, 2)).toEqual(['BOOKMARK 2', 'BOOKMARK 2']);
    expect(without.text).toBe('');
  });

  it('sends none in a quiet cluster until something is written', async () => {
    const server = await startApiServer({ isQuietCluster: true });
    const watch = await watchServices(server);
    server.sendBookmarks();
    server.create('nodes', { metadata: { name: 'node1' } });
    server.sendBookmarks();
    await watch.firstEvents(1);
    expect(watch.summary).toEqual(['BOOKMARK 2']);
  });

  it('from a bookmark survives a compaction that an older one does not', async () => {
    const server = await startApiServer();
    const from = `${server.resourceVersion}`;
    const watch = await watchServices(server);
    server.create('endpoints', { metadata: { name: 'web' } });
    server.sendBookmarks();
    const [bookmark] = await watch.firstEvents(1);
    server.compact();
    const old = await watchServices(server, { resourceVersion: from });
    await within('the end of the old watch', old.ended);
    expect(old.events).toMatchObject([{ type: 'ERROR', object: { code: 410, reason: 'Expired' } }]);
    const resumed = await watchServices(server, {
      resourceVersion: `${bookmark?.object.metadata.resourceVersion}`,
    });
    server.create('services', service('web'));
    await Promise.all([resumed.firstEvents(1), watch.firstEvents(2)]);
    expect(resumed.summary).toEqual(['ADDED web 3']);
    expect(watch.summary.at(-1)).toBe('ADDED web 3');
  });

  it('from a resourceVersion to come is accepted, and silent until then', async () => {
    const server = await startApiServer();
    const backup = server.backup();
    server.create('services', service('lost'));
    const first = await watchServices(server);
    const from = `${server.resourceVersion}`;
    server.restore(backup);
    await within('the cut', first.ended);
    expect(JSON.parse((await ask(`${server.url}/api/v1/services`)).text)).toMatchObject({ items: [] });
    const watch = await watchServices(server, { resourceVersion: from });
    server.create('services', service('unseen'));
    server.create('services', service('seen'));
    await watch.firstEvents(1);
    expect(watch.summary).toEqual(['ADDED seen 3']);
  });

  it('ends soundly after its time', async () => {
    const server = await startApiServer();
    const watch = await watchServices(server, { timeoutSeconds: '1' });
    expect(server.openWatches('services')).toBe(1);
    await within('the end of the watch', watch.ended);
    expect(watch.answer.complete).toBe(true);
    await eventually(() => expect(server.openWatches()).toBe(0));
  });

  it('is refused for a resourceVersion that is no number', async () => {
    const server = await startApiServer();
    expect((await ask(`${server.url}/api/v1/services?watch=1&resourceVersion=new`)).code).toBe(400);
    expect(server.openWatches()).toBe(0);
  });
});

import { describe, expect, it } from 'vitest';
import { answerInstead } from '../../support/api-server/faults.js';
import { startApiServer } from '../../support/api-server/started-api-server.js';
import { eventually, within } from '../../support/deadline.js';
import { serviceObject } from '../../support/kubernetes-objects.js';
import { runningReflector } from '../../support/running-reflector.js';

const LIST = { kind: 'list', resource: 'services' } as const;
const WATCH = { kind: 'watch', resource: 'services' } as const;

const service = (name: string) => serviceObject({ clusterIP: undefined }, { name });

/** A server with these Services, and a reflector that has them. */
async function reflected(...names: string[]) {
  const server = await startApiServer();
  for (const name of names) server.create('services', service(name));
  const running = await runningReflector(server);
  await running.mirror.toHold(...names);
  await eventually(() => expect(server.openWatches('services')).toBe(1));
  return { server, ...running };
}

describe('a reflector', () => {
  it('lists in pages of 500, and watches from the moment of the list', async () => {
    const server = await startApiServer();
    for (let count = 0; count < 1_101; count += 1) server.create('services', service(`s${count}`));
    const { resourceVersion } = server;
    const { mirror } = await runningReflector(server);
    const watch = await within('a watch', server.request(WATCH));
    expect(mirror.names).toHaveLength(1_101);
    expect(
      server.requests.matching(LIST).map(({ query }) => [query.limit, (query.continue ?? '') !== '']),
    ).toEqual([
      ['500', false],
      ['500', true],
      ['500', true],
    ]);
    expect(watch.query).toMatchObject({
      resourceVersion: `${resourceVersion}`,
      allowWatchBookmarks: 'true',
      timeoutSeconds: '300',
    });
  });

  it('asks for what is for this proxy, and nothing else crosses the wire', async () => {
    const server = await startApiServer();
    server.create('services', service('web'));
    const labels = { 'service.kubernetes.io/service-proxy-name': 'other' };
    server.create('services', serviceObject({ clusterIP: undefined }, { name: 'foreign', labels }));
    const { mirror } = await runningReflector(server);
    await mirror.toHold('web');
    await within('a watch', server.request(WATCH));
    server.patch('services', 'default/web', { metadata: { labels } });
    await mirror.toHold();
    server.patch('services', 'default/foreign', {
      metadata: { labels: { 'service.kubernetes.io/service-proxy-name': null } },
    });
    await mirror.toHold('foreign');
    expect(mirror.changes).toEqual(['-web', `+foreign@${server.resourceVersion}`]);
  });

  it('takes every change once, in its order', async () => {
    const { server, mirror } = await reflected('a');
    const b = server.create('services', service('b'));
    const a = server.patch('services', 'default/a', { spec: { sessionAffinity: 'ClientIP' } });
    server.delete('services', 'default/b');
    const told = ['list', `+b@${b.metadata.resourceVersion}`, `+a@${a.metadata.resourceVersion}`, '-b'];
    await eventually(() => expect(mirror.told).toEqual(told));
  });

  it('goes on where a watch was cut, in the middle of an event too, without a list', async () => {
    const { server, mirror } = await reflected('a');
    server.create('services', service('b'));
    await mirror.toHold('a', 'b');
    const reached = server.resourceVersion;
    server.cutWatches(
      'services',
      '{"type":"ADDED","object":{"kind":"Service","metadata":{"name":"half","resourceV',
    );
    server.create('services', service('c'));
    await mirror.toHold('a', 'b', 'c');
    expect(mirror.changes.map((line) => line.split('@')[0])).toEqual(['+b', '+c']);
    expect(server.requests.matching(WATCH).at(-1)?.query.resourceVersion).toBe(`${reached}`);
    expect(server.requests.count(LIST)).toBe(1);
  });

  it('goes on from a bookmark', async () => {
    const { server, mirror } = await reflected('a');
    server.create('endpoints', { metadata: { name: 'other', namespace: 'default' } });
    server.sendBookmarks('services');
    const next = server.requests.next(WATCH);
    server.endWatches('services');
    const { query } = await within('the next watch', next);
    expect(query.resourceVersion).toBe(`${server.resourceVersion}`);
    server.create('services', service('b'));
    await mirror.toHold('a', 'b');
    expect(server.requests.count(LIST)).toBe(1);
  });

  it('watches on at once where the server ends the watch, as it does every few minutes', async () => {
    const { server, mirror, waits } = await reflected('a');
    server.create('services', service('b'));
    await mirror.toHold('a', 'b');
    server.endWatches('services');
    await within('the next watch', server.requests.next(WATCH));
    server.create('services', service('c'));
    await mirror.toHold('a', 'b', 'c');
    expect(server.requests.count(LIST)).toBe(1);
    expect(waits).toEqual([]);
  });

  it('waits longer and longer where each watch ends as soon as it began', async () => {
    const server = await startApiServer();
    server.faults.intercept = ({ kind }) => (kind === 'watch' ? { kind: 'end', afterParts: 0 } : undefined);
    const { waits } = await runningReflector(server);
    server.create('services', service('a'));
    await eventually(() => expect(waits.length).toBeGreaterThanOrEqual(4));
    expect(waits.slice(0, 4)).toEqual([800, 1_600, 3_200, 6_400]);
    expect(server.requests.count(LIST)).toBe(1);
  });

  it('waits too where each watch says only what is known before it ends', async () => {
    const server = await startApiServer();
    server.create('services', service('a'));
    const bookmark = {
      type: 'BOOKMARK',
      object: { kind: 'Service', metadata: { resourceVersion: `${server.resourceVersion}` } },
    };
    server.faults.always(WATCH, answerInstead(200, `${JSON.stringify(bookmark)}\n`));
    const { waits } = await runningReflector(server);
    await eventually(() => expect(waits.slice(0, 3)).toEqual([800, 1_600, 3_200]));
  });

  it('takes a watch that is silent too long for dead, and goes on where it was', async () => {
    const server = await startApiServer();
    server.create('services', service('a'));
    const { mirror } = await runningReflector(server, { longestSilenceMs: 100 });
    await eventually(() => expect(server.openWatches('services')).toBe(1));
    server.silenceWatches('services');
    server.create('services', service('b'));
    await mirror.toHold('a', 'b');
    expect(mirror.changes).toHaveLength(1);
    expect(mirror.lists).toBe(1);
    // One object is asked for, to see how far the server is.
    expect(server.requests.matching(LIST).map(({ query }) => query.limit)).toEqual(['500', '1']);
  });

  it('does not take a slow watch for a silent one', async () => {
    const server = await startApiServer();
    server.create('services', service('a'));
    server.faults.next(WATCH, { kind: 'drip', bytes: 64, everyMs: 5 });
    const { mirror } = await runningReflector(server, { longestSilenceMs: 1_000 });
    await within('a watch', server.request(WATCH));
    server.create('services', service('b'));
    await mirror.toHold('a', 'b');
    expect(server.requests.count(WATCH)).toBe(1);
  });

  it('leaves a watch that is still being opened, a list, and a wait when it is told to end', async () => {
    const server = await startApiServer();
    server.faults.next(LIST, { kind: 'no-answer' });
    const listing = await runningReflector(server);
    await within('a list', server.request(LIST));
    await listing.stop();
    server.faults.next(WATCH, { kind: 'no-answer' });
    const watching = await runningReflector(server);
    await within('a watch', server.request(WATCH));
    await watching.stop();
    expect([...listing.failures, ...watching.failures]).toEqual([]);
  });
});

import { describe, expect, it } from 'vitest';
import type { ApiServer } from '../../support/api-server/api-server.js';
import { garbageLine, halfList, page, refuse, tooManyRequests } from '../../support/api-server/faults.js';
import { startApiServer } from '../../support/api-server/started-api-server.js';
import {
  forbidden,
  internalError,
  tooOldResourceVersion,
  unauthorized,
} from '../../support/api-server/status.js';
import { eventually, within } from '../../support/deadline.js';
import { serviceObject } from '../../support/kubernetes-objects.js';
import { runningReflector } from '../../support/running-reflector.js';

const LIST = { kind: 'list', resource: 'services' } as const;
const WATCH = { kind: 'watch', resource: 'services' } as const;

const service = (name: string) => serviceObject({ clusterIP: undefined }, { name });

async function serverWith(...names: string[]): Promise<ApiServer> {
  const server = await startApiServer();
  for (const name of names) server.create('services', service(name));
  return server;
}

async function reflected(...names: string[]) {
  const server = await serverWith(...names);
  const running = await runningReflector(server);
  await running.mirror.toHold(...names);
  await eventually(() => expect(server.openWatches('services')).toBe(1));
  return { server, ...running };
}

describe('a reflector whose server has forgotten', () => {
  it('lists anew where the resourceVersion of its watch is too old, and learns what is gone', async () => {
    const { server, mirror, failures } = await reflected('a', 'b');
    await server.pause();
    server.delete('services', 'default/a');
    server.create('services', service('c'));
    server.compact();
    await eventually(() => expect(failures).not.toEqual([]));
    await server.resume();
    await mirror.toHold('b', 'c');
    expect(mirror.lists).toBe(2);
    expect(server.requests.count(LIST)).toBe(2);
    // What it could not reach it told; that it was forgotten is the ordinary course of things.
    expect(new Set(failures.map(({ code }) => code))).toEqual(new Set(['APISERVER_UNREACHABLE']));
  });

  it('does the same where a 410 is the answer itself', async () => {
    const { server, mirror, failures } = await reflected('a');
    server.faults.next(WATCH, refuse(tooOldResourceVersion(1, 2)));
    server.endWatches('services');
    server.create('services', service('b'));
    await mirror.toHold('a', 'b');
    await eventually(() => expect(server.requests.count(LIST)).toBe(2));
    expect(failures).toEqual([]);
  });

  it('begins the list again where its continue token is too old', async () => {
    const server = await startApiServer();
    for (let count = 0; count < 600; count += 1) server.create('services', service(`s${count}`));
    server.faults.intercept = ({ query }) => {
      if (query.continue === undefined || server.requests.count(LIST) > 2) return undefined;
      server.delete('services', 'default/s0');
      server.compact();
      return undefined;
    };
    const { mirror } = await runningReflector(server);
    await eventually(() => expect(mirror.names).toHaveLength(599));
    const lists = server.requests
      .matching(LIST)
      .map(({ query, status }) => [query.continue !== undefined, status]);
    expect(lists).toEqual([
      [false, 200],
      [true, 410],
      [false, 200],
      [true, 200],
    ]);
    expect(mirror.lists).toBe(1);
  });

  it('tells, and waits, where it happens again and again', async () => {
    const { server, waits, codes } = await reflected('a');
    const heal = server.faults.always(WATCH, refuse(tooOldResourceVersion(1, 2)));
    server.cutWatches('services');
    await eventually(() => expect(codes().length).toBeGreaterThan(0));
    heal();
    expect(codes()[0]).toBe('APISERVER_FAILED');
    expect(waits.slice(0, 3)).toEqual([800, 1_600, 3_200]);
  });

  it('lists anew where the server has gone back in time, as an etcd that was restored', async () => {
    const server = await serverWith('a');
    const { mirror } = await runningReflector(server, { longestSilenceMs: 100 });
    await within('a watch', server.request(WATCH));
    const backup = server.backup();
    server.create('services', service('lost'));
    server.create('services', service('lost-too'));
    await mirror.toHold('a', 'lost', 'lost-too');
    server.restore(backup);
    server.create('services', service('new'));
    // The watch goes on from a resourceVersion that is yet to come, and is silent.
    await mirror.toHold('a', 'new');
  });

  it('lists anew where an event comes from before what it has', async () => {
    const { server, mirror } = await reflected('a');
    server.create('services', service('b'));
    await mirror.toHold('a', 'b');
    server.sendToWatches(
      '{"type":"BOOKMARK","object":{"kind":"Service","apiVersion":"v1","metadata":{"resourceVersion":"1"}}}\n',
      'services',
    );
    await eventually(() => expect(mirror.lists).toBe(2));
  });
});

describe('a reflector whose server cannot answer', () => {
  it('waits 0.8 s and longer where there is none, and goes on without a list when it is back', async () => {
    const { server, mirror, waits, codes } = await reflected('a');
    await server.pause();
    await eventually(() => expect(waits.length).toBeGreaterThanOrEqual(3));
    server.create('services', service('b'));
    await server.resume();
    await mirror.toHold('a', 'b');
    expect(waits.slice(0, 3)).toEqual([800, 1_600, 3_200]);
    expect(new Set(codes())).toEqual(new Set(['APISERVER_UNREACHABLE']));
    expect(mirror.changes).toHaveLength(1);
    expect(server.requests.count(LIST)).toBe(1);
  });

  it.each([
    ['seconds', () => '7', 7_000, 7_000],
    ['a date', () => new Date(Date.now() + 60_000).toUTCString(), 55_000, 60_000],
    ['more than five minutes', () => '3600', 300_000, 300_000],
  ])('waits as long as Retry-After says, in %s', async (_, header, least, most) => {
    const server = await serverWith('a');
    server.faults.next(LIST, tooManyRequests(header()));
    const { mirror, waits, codes } = await runningReflector(server);
    await mirror.toHold('a');
    expect(codes()).toEqual(['APISERVER_BUSY']);
    expect(waits).toHaveLength(1);
    expect(waits[0]).toBeGreaterThanOrEqual(least);
    expect(waits[0]).toBeLessThanOrEqual(most);
  });

  it.each([
    ['APISERVER_UNAUTHORIZED', refuse(unauthorized())],
    ['APISERVER_FORBIDDEN', refuse(forbidden('services', 'list'))],
    ['APISERVER_FAILED', refuse(internalError('etcdserver: request timed out'))],
    ['APISERVER_FAILED', page(502)],
    ['APISERVER_BUSY', page(503)],
    ['APISERVER_MALFORMED', page(200)],
    ['APISERVER_MALFORMED', halfList],
    ['APISERVER_UNREACHABLE', { kind: 'cut-before-headers' } as const],
    ['APISERVER_UNREACHABLE', { kind: 'cut', afterBytes: 200 } as const],
  ])('tells %s and asks again', async (code, fault) => {
    const server = await serverWith('a');
    server.faults.next(LIST, fault);
    const { mirror, codes, waits } = await runningReflector(server);
    await mirror.toHold('a');
    expect(codes()).toEqual([code]);
    expect(waits).toEqual([800]);
  });

  it('asks again from where it was after a line that is no event, and keeps what came before it', async () => {
    const server = await serverWith('a');
    server.faults.next(WATCH, garbageLine('{"type":"ADDED","object":{"kin', 1));
    const { mirror, codes } = await runningReflector(server);
    await within('a watch', server.request(WATCH));
    server.create('services', service('b'));
    server.create('services', service('c'));
    await mirror.toHold('a', 'b', 'c');
    expect(codes()).toEqual(['APISERVER_MALFORMED']);
    expect(mirror.changes).toHaveLength(2);
    expect(server.requests.count(LIST)).toBe(1);
  });

  it('lists anew where the same line is no event twice', async () => {
    const server = await serverWith('a');
    server.faults.next(WATCH, garbageLine(), 2);
    const { mirror, codes } = await runningReflector(server);
    await eventually(() => expect(server.openWatches('services')).toBe(1));
    server.create('services', service('b'));
    await mirror.toHold('a', 'b');
    expect(codes()).toEqual(['APISERVER_MALFORMED', 'APISERVER_MALFORMED']);
    expect(server.requests.count(LIST)).toBe(2);
  });
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ApiServer } from './api-server.js';
import { refuse } from './faults.js';
import type { ResourceName } from './resources.js';
import { startApiServer } from './started-api-server.js';
import { forbidden } from './status.js';
import type { JsonObject } from './stored-object.js';
import { ask, openStream, type WireEvent } from './wire-client.js';

const RECORDED = join(import.meta.dirname, '../../fixtures/kube-apiserver-1.26');

/** A recorded answer; after those that are errors stands the status they came with. */
function recorded(name: string): JsonObject {
  return JSON.parse(readFileSync(join(RECORDED, name), 'utf8').replace(/\n\d{3}\n*$/, '')) as JsonObject;
}

function recordedStatus(name: string): number {
  return Number(/\n(\d{3})\n*$/.exec(readFileSync(join(RECORDED, name), 'utf8'))?.[1]);
}

function recordedEvents(name: string): WireEvent[] {
  const lines = readFileSync(join(RECORDED, name), 'utf8').split('\n');
  return lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as WireEvent);
}

/** Gives the server what a recorded list holds, as clients gave it to the real one. */
function seed(server: ApiServer, resource: ResourceName): void {
  for (const item of recorded(`${resource}.list.json`).items as JsonObject[]) {
    const { resourceVersion: _resourceVersion, ...metadata } = item.metadata as JsonObject;
    server.create(resource, { ...item, metadata });
  }
}

/**
 * The same value, but for what is of one server and one moment: every such text becomes its kind. Who manages which field
 * is left out: a real server follows each list by its keys.
 */
function shape(value: unknown, name = ''): unknown {
  if (name === 'managedFields') return Array.isArray(value) && value.length > 0;
  if (Array.isArray(value)) return value.map((item) => shape(item));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, shape(field, key)]));
  if (name === 'resourceVersion') return `${value}`.replace(/^\d+$/, 'a resourceVersion');
  if (name === 'uid') return `${value}`.replace(/^[0-9a-f-]{36}$/, 'a uid');
  if (name === 'creationTimestamp' && value !== null)
    return `${value}`.replace(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'a time');
  if (name === 'continue') return tokenShape(`${value}`);
  return value;
}

function tokenShape(token: string): unknown {
  expect(token).toMatch(/^[A-Za-z0-9_-]+$/);
  const { rv, ...others } = JSON.parse(Buffer.from(token, 'base64url').toString()) as JsonObject;
  return { ...others, rv: Number(rv) < 0 ? rv : typeof rv };
}

/** Fields stand in the order in which Go writes them, so that who reads text meets what a real server sends. */
function expectShape(text: string, expected: unknown): void {
  expect(JSON.stringify(shape(JSON.parse(text)))).toBe(JSON.stringify(shape(expected)));
}

const CORE = '/api/v1';
const SLICES = '/apis/discovery.k8s.io/v1/endpointslices';

describe('what the API server of the specs answers has the shape of what a real one did', () => {
  it.each([
    ['services', `${CORE}/services`],
    ['endpointslices', SLICES],
    ['endpoints', `${CORE}/endpoints`],
    ['nodes', `${CORE}/nodes`],
  ] as const)('a list of %s', async (resource, path) => {
    const server = await startApiServer();
    seed(server, resource);
    const { code, headers, text } = await ask(server.url + path);
    expect(code).toBe(200);
    expect(headers['content-type']).toBe('application/json');
    expectShape(text, recorded(`${resource}.list.json`));
  });

  it('the pages of a list', async () => {
    const server = await startApiServer();
    seed(server, 'services');
    const first = await ask(`${server.url}${CORE}/services?limit=1`);
    expectShape(first.text, recorded('services.page1.json'));
    const token = (JSON.parse(first.text) as { metadata: { continue: string } }).metadata.continue;
    const second = await ask(`${server.url}${CORE}/services?limit=1&continue=${token}`);
    expectShape(second.text, recorded('services.page2.json'));
  });

  it('a watch of Services: each kind of event, and a bookmark', async () => {
    const server = await startApiServer();
    seed(server, 'services');
    const watch = await openStream(
      `${server.url}${CORE}/services?watch=true&allowWatchBookmarks=true&resourceVersion=${server.resourceVersion}`,
    );
    const events = recordedEvents('services.watch.jsonl');
    const expected = [...events.slice(0, 9)];
    for (const { type, object } of expected) {
      const { resourceVersion: _resourceVersion, ...metadata } = object.metadata;
      if (type === 'ADDED') server.create('services', { ...object, metadata });
      else if (type === 'MODIFIED') server.update('services', { ...object, metadata });
      else if (type === 'DELETED') server.delete('services', `${metadata.namespace}/${metadata.name}`);
      else server.sendBookmarks();
    }
    const received = await watch.firstEvents(expected.length);
    expect(expected.map(({ type }) => type)).toContain('BOOKMARK');
    expect(received.map((event) => shape(event))).toEqual(expected.map((event) => shape(event)));
    expect(watch.answer.headers['transfer-encoding']).toBe('chunked');
  });

  it('a watch of EndpointSlices: their generation, and a bookmark', async () => {
    const server = await startApiServer();
    seed(server, 'endpointslices');
    const watch = await openStream(
      `${server.url}${SLICES}?watch=1&resourceVersion=${server.resourceVersion}`,
    );
    const expected = recordedEvents('endpointslices.watch.jsonl').slice(0, 3);
    for (const { type, object } of expected) {
      const { resourceVersion: _resourceVersion, ...metadata } = object.metadata;
      if (type === 'MODIFIED') server.update('endpointslices', { ...object, metadata });
      else server.sendBookmarks();
    }
    const received = await watch.firstEvents(expected.length);
    expect(received.map((event) => shape(event))).toEqual(expected.map((event) => shape(event)));
  });

  it('401, to who has no token or another', async () => {
    const server = await startApiServer({ token: 'right' });
    const wrong = await ask(`${server.url}${CORE}/services`, { headers: { authorization: 'Bearer wrong' } });
    expect(wrong.code).toBe(recordedStatus('err.401.json'));
    expect(JSON.parse(wrong.text)).toEqual(recorded('err.401.json'));
    expect((await ask(`${server.url}/version`)).code).toBe(401);
    const right = await ask(`${server.url}${CORE}/services`, { headers: { authorization: 'Bearer right' } });
    expect(right.code).toBe(200);
  });

  it('403, where the spec says so', async () => {
    const server = await startApiServer();
    server.faults.next({ kind: 'list', resource: 'services' }, refuse(forbidden('services')));
    const { code, text } = await ask(`${server.url}${CORE}/services`);
    expect(code).toBe(recordedStatus('err.403.json'));
    expect(JSON.parse(text)).toEqual(recorded('err.403.json'));
  });

  it('410, to a continue token that is too old', async () => {
    const server = await startApiServer();
    for (const name of ['ext', 'next']) server.create('services', { metadata: { name } });
    const first = await ask(`${server.url}${CORE}/services?limit=1`);
    server.delete('services', 'default/next');
    server.compact();
    const token = (JSON.parse(first.text) as { metadata: { continue: string } }).metadata.continue;
    const { code, text } = await ask(`${server.url}${CORE}/services?limit=1&continue=${token}`);
    expect(code).toBe(recordedStatus('err.410.continue.json'));
    expect(JSON.parse(text)).toEqual(recorded('err.410.continue.json'));
  });

  it('410, in a watch from a resourceVersion that is too old', async () => {
    const server = await startApiServer();
    server.create('services', { metadata: { name: 'web' } });
    server.compact();
    const { code, text, isComplete } = await ask(
      `${server.url}${CORE}/services?watch=true&resourceVersion=1`,
    );
    const expected = readFileSync(join(RECORDED, 'err.410.watch.jsonl'), 'utf8').trimEnd();
    expect([code, isComplete]).toEqual([200, true]);
    expect(text).toBe(`${expected.replace('2 (4437)', '1 (2)').replace(/\n.*$/s, '')}\n`);
  });

  it('422, to who asks for a list by watching', async () => {
    const server = await startApiServer();
    const { code, text } = await ask(
      `${server.url}${CORE}/services?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan`,
    );
    expect(code).toBe(recordedStatus('watchlist.unsupported.json'));
    expect(JSON.parse(text)).toEqual(recorded('watchlist.unsupported.json'));
  });

  it('which resources there are, and the version', async () => {
    const server = await startApiServer();
    const core = JSON.parse((await ask(`${server.url}${CORE}`)).text) as { resources: JsonObject[] };
    const names = core.resources.map(({ name }) => name);
    const real = recorded('api-v1.json');
    const known = (real.resources as JsonObject[]).filter(({ name }) => names.includes(name));
    const comparable = ({
      name,
      singularName,
      namespaced,
      kind,
      verbs,
      shortNames,
    }: JsonObject): JsonObject => ({
      name,
      singularName,
      namespaced,
      kind,
      shortNames,
      // Namespaces cannot be deleted all at once.
      verbs: (verbs as string[]).filter((verb) => verb !== 'deletecollection'),
    });
    const byName = (one: JsonObject, other: JsonObject): number => (`${one.name}` < `${other.name}` ? -1 : 1);
    expect(core.resources.map(comparable).sort(byName)).toEqual(known.map(comparable).sort(byName));
    expect({ ...core, resources: [] }).toEqual({ ...real, resources: [] });
    const slices = JSON.parse((await ask(`${server.url}/apis/discovery.k8s.io/v1`)).text) as JsonObject;
    const { resources, ...list } = recorded('discovery-v1.json');
    expect(slices).toMatchObject(list);
    expect((slices.resources as JsonObject[]).map(comparable)).toEqual(
      (resources as JsonObject[]).map(comparable),
    );
    const version = JSON.parse((await ask(`${server.url}/version`)).text) as JsonObject;
    expect(Object.keys(version)).toEqual(Object.keys(recorded('version.json')));
  });
});

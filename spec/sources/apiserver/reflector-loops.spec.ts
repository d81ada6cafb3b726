import { describe, expect, it } from 'vitest';
import { ENDPOINT_SLICES, ENDPOINTS } from '../../../src/sources/apiserver/resource.js';
import { answerInstead, garbageLine, refuse, tooManyRequests } from '../../support/api-server/faults.js';
import { startApiServer } from '../../support/api-server/started-api-server.js';
import { failure, tooOldResourceVersion } from '../../support/api-server/status.js';
import { eventually, within } from '../../support/deadline.js';
import { endpointsObject, serviceObject } from '../../support/kubernetes-objects.js';
import { runningReflector } from '../../support/running-reflector.js';

const LIST = { kind: 'list', resource: 'services' } as const;
const WATCH = { kind: 'watch', resource: 'services' } as const;

const service = (name: string) => serviceObject({ clusterIP: undefined }, { name });

async function serverWithOne() {
  const server = await startApiServer();
  server.create('services', service('a'));
  return server;
}

const listOf = (metadata: object, ...items: object[]) =>
  answerInstead(200, JSON.stringify({ kind: 'ServiceList', apiVersion: 'v1', metadata, items }));

/** Of something between that lets no event through. */
const endAtOnce = answerInstead(200, '');

const badRequest = failure(400, 'BadRequest', 'strconv.ParseUint: parsing "x": invalid syntax');

describe('a reflector whose server would keep it busy', () => {
  it('waits as long as by itself where Retry-After is 0, and longer each time', async () => {
    const server = await serverWithOne();
    server.faults.next(LIST, tooManyRequests(0), 3);
    const { mirror, waits } = await runningReflector(server);
    await mirror.toHold('a');
    expect(waits).toEqual([800, 1_600, 3_200]);
  });

  it('waits before it lists anew where every watch tells something and has expired then', async () => {
    const server = await serverWithOne();
    server.faults.intercept = ({ kind, resource }) => {
      if (kind !== 'watch' || resource !== 'services') return undefined;
      const { resourceVersion } = server.create('services', service(`s${server.resourceVersion}`)).metadata;
      const event = { type: 'BOOKMARK', object: { metadata: { resourceVersion } } };
      const expired = { type: 'ERROR', object: tooOldResourceVersion(1, 2) };
      return garbageLine(`${JSON.stringify(event)}\n${JSON.stringify(expired)}`);
    };
    const { waits } = await runningReflector(server);
    await eventually(() => expect(server.requests.count(WATCH)).toBeGreaterThan(4));
    expect(waits.length).toBeGreaterThanOrEqual(server.requests.count(LIST) - 1);
  });

  it('gives up a list that goes on with itself', async () => {
    const server = await serverWithOne();
    const heal = server.faults.always(LIST, listOf({ resourceVersion: '7', continue: 'same' }));
    const { mirror, codes } = await runningReflector(server);
    await eventually(() => expect(codes()).toContain('APISERVER_MALFORMED'));
    heal();
    await mirror.toHold('a');
  });
});

describe('a reflector whose watch cannot be gone on with', () => {
  it.each([
    ['400', refuse(badRequest)],
    ['404', answerInstead(404, '404 page not found\n', 'text/plain')],
  ])('lists anew after %s', async (_, fault) => {
    const server = await serverWithOne();
    server.faults.next(WATCH, fault);
    const { mirror, codes } = await runningReflector(server);
    await eventually(() => expect(server.openWatches('services')).toBe(1));
    expect(codes()).toEqual(['APISERVER_FAILED']);
    expect(mirror.lists).toBe(2);
  });

  it('reads the next resource where the server does not have the first any more, as after a downgrade', async () => {
    const server = await startApiServer();
    server.create('endpoints', endpointsObject([]));
    const { mirror } = await runningReflector(server, { resources: [ENDPOINT_SLICES, ENDPOINTS] });
    await eventually(() => expect(server.openWatches('endpointslices')).toBe(1));
    server.faults.always({ resource: 'endpointslices' }, answerInstead(404, '404 page not found\n'));
    server.cutWatches();
    await mirror.toHold('web');
    await within('a watch', server.request({ kind: 'watch', resource: 'endpoints' }));
  });

  it('lists anew where watches end at once again and again: what has happened is learnt all the same', async () => {
    const server = await serverWithOne();
    server.faults.always(WATCH, endAtOnce);
    const { mirror } = await runningReflector(server);
    await mirror.toHold('a');
    server.create('services', service('b'));
    await mirror.toHold('a', 'b');
  });

  it('goes on from the first page of a list, which is older where the pages differ', async () => {
    const server = await serverWithOne();
    server.faults.next(LIST, listOf({ resourceVersion: '100000', continue: 'next' }));
    server.faults.next(LIST, listOf({ resourceVersion: '200000' }));
    await runningReflector(server);
    const { query } = await within('a watch', server.request(WATCH));
    expect(query.resourceVersion).toBe('100000');
  });
});

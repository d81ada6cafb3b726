import { describe, expect, it } from 'vitest';
import { within } from '../deadline.js';
import { serviceObject } from '../kubernetes-objects.js';
import type { ApiServer } from './api-server.js';
import {
  answerInstead,
  cutAfter,
  cutBeforeHeaders,
  drip,
  endAfter,
  garbageLine,
  halfList,
  noAnswer,
  page,
  refuse,
  silence,
  tooManyRequests,
} from './faults.js';
import { startApiServer } from './started-api-server.js';
import { failure } from './status.js';
import { ask, openStream } from './wire-client.js';

const LIST = '/api/v1/services';
const WATCH = `${LIST}?watch=true&resourceVersion=1`;

async function serverWithService(): Promise<ApiServer> {
  const server = await startApiServer();
  server.create('services', serviceObject());
  return server;
}

describe('an answer that goes wrong', () => {
  it('meets a fault as often as the spec says, then none', async () => {
    const server = await serverWithService();
    server.faults.next({ kind: 'list' }, refuse(failure(503, 'ServiceUnavailable', 'not now')), 2);
    server.faults.next({ kind: 'list' }, refuse(failure(500, 'InternalError', 'oh')));
    const codes: number[] = [];
    for (let count = 0; count < 4; count += 1) codes.push((await ask(server.url + LIST)).code);
    expect(codes).toEqual([503, 503, 500, 200]);
    expect(server.requests.all.map(({ status }) => status)).toEqual(codes);
  });

  it('meets a fault every time until the spec takes it back', async () => {
    const server = await serverWithService();
    const takeBack = server.faults.always({ resource: 'services', method: 'GET' }, page(502));
    const answer = await ask(server.url + LIST);
    expect([answer.code, answer.headers['content-type']]).toEqual([502, 'text/html']);
    expect((await ask(`${server.url}/api/v1/nodes`)).code).toBe(200);
    takeBack();
    expect((await ask(server.url + LIST)).code).toBe(200);
  });

  it('meets what a hook of the spec decides', async () => {
    const server = await serverWithService();
    server.faults.intercept = ({ query }) =>
      query.limit === '7' ? answerInstead(200, '{"kind":"Pancake"}') : undefined;
    expect((await ask(`${server.url}${LIST}?limit=7`)).text).toBe('{"kind":"Pancake"}');
    expect((await ask(`${server.url}${LIST}?limit=8`)).text).toContain('"kind":"ServiceList"');
  });

  it.each([[3], ['Sun, 06 Nov 1994 08:49:37 GMT']])('is 429 with Retry-After: %s', async (retryAfter) => {
    const server = await serverWithService();
    server.faults.next({}, tooManyRequests(retryAfter));
    const { code, headers } = await ask(server.url + LIST);
    expect([code, headers['retry-after']]).toEqual([429, `${retryAfter}`]);
  });

  it('is none, and the connection is cut', async () => {
    const server = await serverWithService();
    server.faults.next({}, cutBeforeHeaders);
    await expect(ask(server.url + LIST)).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(server.requests.all).toMatchObject([{ kind: 'list', status: undefined }]);
  });

  it('is cut after so many bytes, or before its end', async () => {
    const server = await serverWithService();
    const whole = await ask(server.url + LIST);
    server.faults.next({}, cutAfter(100));
    const cut = await ask(server.url + LIST);
    expect([cut.isComplete, cut.text]).toEqual([false, whole.text.slice(0, 100)]);
    server.faults.next({ kind: 'watch' }, cutAfter(50));
    const watch = await ask(server.url + WATCH);
    expect([watch.isComplete, watch.text.length]).toEqual([false, 50]);
    server.faults.next({}, cutAfter(1_000_000));
    const late = await ask(server.url + LIST);
    expect([late.isComplete, late.text]).toEqual([false, whole.text]);
  });

  it('is no JSON, though it ends as it should', async () => {
    const server = await serverWithService();
    server.faults.next({}, halfList);
    const { isComplete, text } = await ask(server.url + LIST);
    expect(isComplete).toBe(true);
    expect(() => JSON.parse(text)).toThrow(SyntaxError);
  });

  it('has a line that is no event, at once or in the place of one', async () => {
    const server = await serverWithService();
    server.faults.next({}, garbageLine('garbage'));
    const first = await openStream(server.url + WATCH);
    server.faults.next({}, garbageLine('garbage', 1));
    const second = await openStream(server.url + WATCH);
    server.delete('services', 'default/web');
    server.endWatches();
    await within('the ends', Promise.all([first.ended, second.ended]));
    const kinds = (text: string): string[] => text.split('\n').map((line) => line.slice(0, 14));
    expect(kinds(first.text)).toEqual(['garbage', '{"type":"ADDED', '{"type":"DELET', '']);
    expect(kinds(second.text)).toEqual(['{"type":"ADDED', 'garbage', '']);
  });

  it('falls silent after its headers', async () => {
    const server = await serverWithService();
    server.faults.next({ kind: 'watch' }, silence);
    const silent = await openStream(server.url + WATCH);
    const other = await openStream(server.url + WATCH);
    server.endWatches();
    await within('the end of the other', other.ended);
    expect(other.text).not.toBe('');
    expect([silent.answer.statusCode, silent.text, silent.answer.closed]).toEqual([200, '', false]);
  });

  it('never comes', async () => {
    const server = await serverWithService();
    server.faults.next({}, noAnswer);
    const stream = openStream(server.url + LIST);
    await within('the request', server.request({ kind: 'list' }));
    expect((await ask(server.url + LIST)).code).toBe(200);
    await server.stop();
    await expect(stream).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(server.requests.all.map(({ status }) => status)).toEqual([undefined, 200]);
  });

  it('comes drop by drop', async () => {
    const server = await serverWithService();
    const whole = await ask(server.url + LIST);
    server.faults.next({}, drip(200, 1));
    const stream = await openStream(server.url + LIST);
    const sizes: number[] = [];
    stream.answer.on('data', (part: string) => sizes.push(part.length));
    await within('the last drop', stream.ended);
    expect([stream.answer.complete, stream.text]).toEqual([true, whole.text]);
    expect(sizes.length).toBeGreaterThan(1);
  });

  it('ends soundly after so many events', async () => {
    const server = await serverWithService();
    server.delete('services', 'default/web');
    server.faults.next({}, endAfter(1));
    const { isComplete, text } = await ask(server.url + WATCH);
    expect([isComplete, text.split('\n').length]).toEqual([true, 2]);
    server.faults.next({}, endAfter(0));
    expect(await ask(server.url + WATCH)).toMatchObject({ isComplete: true, text: '' });
  });
});

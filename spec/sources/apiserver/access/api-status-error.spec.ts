import { describe, expect, it } from 'vitest';
import { statusErrorFrom, statusErrorOf } from '../../../../src/sources/apiserver/access/api-status-error.js';
import { within } from '../../../support/deadline.js';
import { clientOf, httpServer, NEVER } from './local-api.js';

const NOW = Date.parse('2026-11-22T10:00:00Z');

async function errorOf(status: number, body: string, headers: Record<string, string> = {}) {
  const { url } = await httpServer(
    (_request, response) => void response.writeHead(status, headers).end(body),
  );
  const client = await clientOf({ cluster: { server: url } });
  return await statusErrorOf(await client.get('/', {}, { signal: NEVER }), () => NOW);
}

const statusBody = (fields: Record<string, unknown>): string =>
  JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', ...fields });

describe('an answer that is a failure', () => {
  it.each([
    [401, 'APISERVER_UNAUTHORIZED'],
    [403, 'APISERVER_FORBIDDEN'],
    [429, 'APISERVER_BUSY'],
    [503, 'APISERVER_BUSY'],
    [500, 'APISERVER_FAILED'],
    [410, 'APISERVER_FAILED'],
    [302, 'APISERVER_FAILED'],
  ])('%d is %s', async (status, code) => {
    const error = await errorOf(status, '');
    expect(error).toMatchObject({ code, status, reason: '', retryAfterMs: null });
  });

  it('tells what the server said, and its reason', async () => {
    const message = 'services is forbidden: User "jane" cannot list resource "services" in API group ""';
    const error = await errorOf(403, statusBody({ message, reason: 'Forbidden', code: 403 }));
    expect(error.message).toBe(`the API server answered 403 Forbidden: ${message}`);
    expect(error.reason).toBe('Forbidden');
    expect(error.remedy).toContain('deploy/rbac.yaml');
  });

  it.each([
    ['7', 7_000],
    ['0', 0],
    ['Sun, 22 Nov 2026 10:00:30 GMT', 30_000],
    ['Sun, 22 Nov 2026 09:00:00 GMT', 0],
    ['soon', null],
    ['-1', null],
    ['2030', 2_030_000],
  ])('asks with Retry-After: %s for %s ms', async (header, expected) => {
    expect((await errorOf(429, '', { 'retry-after': header })).retryAfterMs).toBe(expected);
  });

  it('asks with the details of its Status where there is no header', async () => {
    const error = await errorOf(429, statusBody({ code: 429, details: { retryAfterSeconds: 3 } }));
    expect(error.retryAfterMs).toBe(3_000);
  });

  it('may have a page of a proxy as its body', async () => {
    const page = '<html><head><title>no</title></head><body><h1>Bad\n gateway</h1><p>nginx</p></body></html>';
    expect((await errorOf(502, page)).message).toBe(
      'the API server answered 502 Bad Gateway: Bad gateway nginx',
    );
  });

  it.each([
    'Client sent an HTTP request to an HTTPS server.\n',
    '<html><body>400 Bad Request<p>The plain HTTP request was sent to HTTPS port</p></body></html>',
  ])('says to write https:// where plain HTTP came to a port of TLS: %s', async (body) => {
    const error = await errorOf(400, body);
    expect(error).toMatchObject({ code: 'APISERVER_FAILED', status: 400 });
    expect(error.remedy).toContain('Write https://');
    expect((await errorOf(400, 'something else')).remedy).not.toContain('https://');
  });

  it('is short and on one line whatever is sent', async () => {
    const error = await errorOf(500, statusBody({ message: `a\n\u001b[31m${'x'.repeat(500_000)}` }));
    expect(error.message).not.toMatch(/\p{Cc}/u);
    expect(error.message.length).toBeLessThan(400);
  });

  it('is told after a while where the body drips and never ends', async () => {
    const { url } = await httpServer((_request, response) => {
      response.writeHead(503);
      const drip = setInterval(() => response.write('x'), 5);
      response.once('close', () => clearInterval(drip));
    });
    const client = await clientOf({ cluster: { server: url } });
    let seconds = 0;
    const elapsed = (): number => {
      seconds += 1;
      return seconds * 1000;
    };
    // The host's clock, set by an hour at each look, is no measure of it.
    let hours = 0;
    const now = (): number => NOW + 3_600_000 * (hours++ % 2);
    const response = await client.get('/', {}, { signal: NEVER });
    const error = await within('the failure', statusErrorOf(response, now, elapsed));
    expect(error).toMatchObject({ code: 'APISERVER_BUSY', status: 503 });
    expect(error.message).toMatch(/: x{1,20}$/);
  });

  it('keeps its status where the body breaks off', async () => {
    const { url } = await httpServer((_request, response) => {
      response.writeHead(503, { 'content-length': '100' });
      response.write('{"kind"', () => response.socket?.destroy());
    });
    const client = await clientOf({ cluster: { server: url } });
    const error = await statusErrorOf(await client.get('/', {}, { signal: NEVER }));
    expect(error).toMatchObject({ code: 'APISERVER_BUSY', status: 503 });
  });
});

describe('a Status that came in a watch', () => {
  it('is the same failure', () => {
    const error = statusErrorFrom({ kind: 'Status', code: 410, reason: 'Expired', message: 'too old' });
    expect(error).toMatchObject({ code: 'APISERVER_FAILED', status: 410, reason: 'Expired' });
    expect(error.message).toBe('the API server answered 410 Gone: too old');
  });

  it('is a failure of the server where it is none', () => {
    expect(statusErrorFrom('nonsense')).toMatchObject({ code: 'APISERVER_FAILED', status: 500, reason: '' });
  });
});

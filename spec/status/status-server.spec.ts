import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { DEFAULT_CONFIG } from '../../src/config/defaults.js';
import { SILENT_LOGGER } from '../../src/host/log.js';
import { KubeSpliceError } from '../../src/model/errors.js';
import { operatorPages, type StatusFigures } from '../../src/status/status-pages.js';
import { StatusServer, type StatusServerLimits } from '../../src/status/status-server.js';
import { within } from '../support/deadline.js';
import { aReport, NOON, statusFigures } from '../support/proxy-values.js';

const LOOPBACK = '127.0.0.1';

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

async function serve(pages: Partial<StatusFigures> = {}, limits?: StatusServerLimits, log = SILENT_LOGGER) {
  const server = new StatusServer(
    { address: LOOPBACK, port: 0 },
    operatorPages(statusFigures(pages)),
    log,
    limits,
  );
  const { port } = await server.start();
  ends.push(() => server.stop());
  return { server, port, url: `http://${LOOPBACK}:${port}` };
}

async function client(port: number): Promise<Socket> {
  const socket = connect(port, LOOPBACK);
  ends.push(async () => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

describe('the status server', () => {
  it("answers /healthz with kube-proxy's JSON and headers", async () => {
    const { url } = await serve();
    const response = await fetch(`${url}/healthz`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(await response.json()).toEqual({
      lastUpdated: '2026-11-22 12:00:00 +0000 UTC',
      currentTime: '2026-11-22 12:00:00 +0000 UTC',
    });
  });

  it('answers /healthz with 503 and the last good sync when syncs have stalled', async () => {
    const stalled = { healthy: false, lastUpdated: NOON - 90_000, currentTime: NOON };
    const { url } = await serve({ health: () => stalled });
    const response = await fetch(`${url}/healthz?probe=1`);
    expect(response.status).toBe(503);
    expect(await response.text()).toBe(
      '{"lastUpdated": "2026-11-22 11:58:30 +0000 UTC","currentTime": "2026-11-22 12:00:00 +0000 UTC"}',
    );
  });

  it('answers /livez as /healthz, yet of what lives, not of what new clients are to come to', async () => {
    const leaving = { healthy: false, lastUpdated: NOON - 90_000, currentTime: NOON };
    const { url } = await serve({ health: () => leaving });
    const [health, live] = [await fetch(`${url}/healthz`), await fetch(`${url}/livez`)];
    expect([health.status, live.status]).toEqual([503, 200]);
    expect(live.headers.get('content-type')).toBe('application/json');
    expect(await live.json()).toEqual({
      lastUpdated: '2026-11-22 12:00:00 +0000 UTC',
      currentTime: '2026-11-22 12:00:00 +0000 UTC',
    });
    const { url: stalled } = await serve({ liveness: () => leaving });
    expect((await fetch(`${stalled}/livez`)).status).toBe(503);
  });

  it('answers /readyz with ok, or with 503 and why not', async () => {
    const { url } = await serve();
    const ready = await fetch(`${url}/readyz`);
    expect([ready.status, await ready.text()]).toEqual([200, 'ok']);
    const { url: other } = await serve({ unready: () => 'waiting for the first sync' });
    const unready = await fetch(`${other}/readyz`);
    expect([unready.status, await unready.text()]).toEqual([503, 'waiting for the first sync\n']);
    expect(unready.headers.get('content-type')).toBe('text/plain; charset=utf-8');
  });

  it('answers /configz with how it was asked to run, by group, as JSON', async () => {
    const config = { ...DEFAULT_CONFIG, maxConnections: 7, udpIdleTimeoutMs: 2_000 };
    const { url } = await serve({ config: () => config });
    const response = await fetch(`${url}/configz`);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(await response.json()).toMatchObject({
      'kubeproxy.config.k8s.io': { kind: 'KubeProxyConfiguration', udpIdleTimeout: '2s' },
      'kube-splice.io': { kind: 'KubeSpliceConfiguration', maxConnections: 7 },
    });
  });

  it('answers /metrics with the page as it is, in its own type', async () => {
    const contentType = 'text/plain; version=0.0.4; charset=utf-8';
    const { url } = await serve({ metrics: async () => ({ contentType, body: 'up 1\n' }) });
    const response = await fetch(`${url}/metrics`);
    expect([response.status, await response.text()]).toEqual([200, 'up 1\n']);
    expect(response.headers.get('content-type')).toBe(contentType);
  });

  it('answers /proxyMode with the one word', async () => {
    const { url } = await serve();
    const response = await fetch(`${url}/proxyMode`);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain/);
    expect(await response.text()).toBe('userspace');
  });

  it('answers /v1/status with the report of that moment', async () => {
    let asked = 0;
    const { url } = await serve({
      report: async () => {
        asked += 1;
        return aReport({ now: NOON + asked });
      },
    });
    expect(await (await fetch(`${url}/v1/status`)).json()).toEqual(aReport({ now: NOON + 1 }));
    expect(await (await fetch(`${url}/v1/status`)).json()).toEqual(aReport({ now: NOON + 2 }));
  });

  it('answers HEAD with the headers of GET alone', async () => {
    const { url } = await serve();
    const response = await fetch(`${url}/proxyMode`, { method: 'HEAD' });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-length')).toBe('9');
    expect(await response.text()).toBe('');
  });

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('refuses %s and says what works', async (method) => {
    const { url } = await serve();
    const response = await fetch(`${url}/healthz`, { method });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('GET, HEAD');
  });

  it.each(['//', '/healthz/', '/HEALTHZ', '/v1/status/../x', '/%68ealthz'])(
    'knows no page %s, and lists those it has',
    async (path) => {
      const { url } = await serve();
      const response = await fetch(`${url}${path}`);
      expect(response.status).toBe(404);
      expect(await response.text()).toBe(
        'No such page. There are: / /service /events /page.css /page.js /page.svg /healthz /livez /readyz /proxyMode /v1/status /v1/explain /metrics /debug/pprof/profile /debug/pprof/heap /configz\n',
      );
    },
  );

  it('answers 500 with the code when the report fails, logs it, and goes on', async () => {
    const logged: unknown[] = [];
    const log = {
      ...SILENT_LOGGER,
      error: (message: string, fields?: object) => logged.push([message, fields]),
    };
    const failures = [
      new KubeSpliceError('PORTAL_OPEN_FAILED', 'the relay is gone'),
      new Error('unforeseen'),
    ];
    const { url } = await serve({ report: () => Promise.reject(failures.shift()) }, undefined, log);
    const coded = await fetch(`${url}/v1/status`);
    expect(coded.status).toBe(500);
    expect(await coded.json()).toEqual({ code: 'PORTAL_OPEN_FAILED', error: 'the relay is gone' });
    expect(await (await fetch(`${url}/v1/status`)).json()).toEqual({ code: 'INTERNAL', error: 'unforeseen' });
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect(logged).toEqual([
      [
        'a status page failed',
        { path: '/v1/status', code: 'PORTAL_OPEN_FAILED', error: 'the relay is gone' },
      ],
      ['a status page failed', { path: '/v1/status', code: 'INTERNAL', error: 'unforeseen' }],
    ]);
  });

  it('closes the connection after each answer', async () => {
    const { port } = await serve();
    const socket = await client(port);
    socket.write('GET /proxyMode HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n');
    const answer = await within('the end of the connection', text(socket));
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(answer.toLowerCase()).toContain('connection: close');
    expect(answer).toMatch(/\r\n\r\nuserspace$/);
  });

  it('closes a connection that does not finish its headers', async () => {
    const { port } = await serve({}, { requestMs: 100, idleMs: 60_000, connections: 10, streams: 1 });
    const socket = await client(port);
    socket.write('GET /healthz HTTP/1.1\r\nX-Slow: ');
    expect(await within('the end of the connection', text(socket))).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('answers 431 to headers without end', async () => {
    const { port } = await serve();
    const socket = await client(port);
    socket.write(`GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(9_000)}\r\n\r\n`);
    expect(await within('the end of the connection', text(socket))).toMatch(/^HTTP\/1\.1 431 /);
  });

  it('closes the connection of a report that never comes', async () => {
    const { port } = await serve(
      { report: () => new Promise(() => undefined) },
      { requestMs: 60_000, idleMs: 100, connections: 10, streams: 1 },
    );
    const socket = await client(port);
    socket.write('GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await within('the end of the connection', text(socket))).toBe('');
  });

  it('closes a connection too many', async () => {
    const { port } = await serve({}, { requestMs: 60_000, idleMs: 60_000, connections: 1, streams: 1 });
    await client(port);
    const second = await client(port);
    second.resume();
    await within('the end of the second connection', once(second, 'close'));
  });

  it('stops at once, whoever is connected, and frees its port', async () => {
    const { server, port } = await serve({ report: () => new Promise(() => undefined) });
    const idle = await client(port);
    const waiting = await client(port);
    waiting.write('GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n');
    for (const socket of [idle, waiting]) socket.on('error', () => undefined).resume();
    await within('the stop', server.stop());
    await within('the second stop', server.stop());
    const next = createServer().listen(port, LOOPBACK);
    await within('the port', once(next, 'listening'));
    await new Promise((resolve) => next.close(resolve));
  });

  it('names the address that another program holds', async () => {
    const { port } = await serve();
    const second = new StatusServer(
      { address: LOOPBACK, port },
      operatorPages(statusFigures()),
      SILENT_LOGGER,
    );
    await expect(second.start()).rejects.toMatchObject({
      code: 'STATUS_ADDRESS_IN_USE',
      message: expect.stringContaining(`${LOOPBACK}:${port}`),
    });
    await second.stop();
  });

  it('names an address that is not of this host', async () => {
    const server = new StatusServer(
      { address: '192.0.2.1', port: 10249 },
      operatorPages(statusFigures()),
      SILENT_LOGGER,
    );
    await expect(server.start()).rejects.toMatchObject({
      code: 'STATUS_ADDRESS_UNAVAILABLE',
      message: expect.stringContaining('192.0.2.1:10249'),
    });
  });
});

import { once } from 'node:events';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { askStatus } from '../../src/status/status-client.js';
import { aReport } from '../support/proxy-values.js';

const LOOPBACK = '127.0.0.1';
const REPORT = aReport();

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

async function listen(server: Server, host = LOOPBACK): Promise<{ address: string; port: number }> {
  server.listen(0, host);
  await once(server, 'listening');
  ends.push(() => new Promise((resolve) => server.close(resolve)));
  const bound = server.address();
  if (typeof bound !== 'object' || bound === null) throw new Error('the server is not bound');
  return { address: LOOPBACK, port: bound.port };
}

function answering(listener: RequestListener) {
  return listen(
    createHttpServer((request, response) => {
      response.setHeader('connection', 'close');
      return listener(request, response);
    }),
  );
}

function saying(status: number, body: string) {
  return answering((_, response) => response.writeHead(status).end(body));
}

describe('asking a running kube-splice for its status', () => {
  it('returns its report, with the fields that a newer one may have added', async () => {
    const newer = { ...REPORT, zone: 'a' };
    const address = await answering((request, response) =>
      response.writeHead(request.url === '/v1/status' ? 200 : 404).end(JSON.stringify(newer)),
    );
    expect(await askStatus(address)).toEqual(newer);
  });

  it('asks on loopback where the proxy serves on every address', async () => {
    const { port } = await saying(200, JSON.stringify(REPORT));
    expect(await askStatus({ address: '0.0.0.0', port })).toEqual(REPORT);
  });

  it('says where nobody answers', async () => {
    const { port } = await saying(200, '');
    for (const end of ends.splice(0)) await end();
    await expect(askStatus({ address: LOOPBACK, port })).rejects.toMatchObject({
      code: 'STATUS_UNREACHABLE',
      message: `no kube-splice answers at ${LOOPBACK}:${port}: ECONNREFUSED`,
    });
  });

  it.each([
    ['says nothing', () => undefined],
    ['stops in the middle', (response: { write(text: string): unknown }) => response.write('{"version":')],
  ])('gives up at the deadline on one that %s', async (_, respond) => {
    const address = await answering((_, response) => void respond(response));
    await expect(askStatus(address, { deadlineMs: 200, maxBytes: 1000 })).rejects.toMatchObject({
      code: 'STATUS_UNREACHABLE',
      message: expect.stringContaining('no answer within 0.2 s'),
    });
  });

  it('says that the connection was lost', async () => {
    const address = await answering((_, response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('{', () => response.destroy());
    });
    await expect(askStatus(address)).rejects.toMatchObject({
      code: 'STATUS_UNREACHABLE',
      message: expect.stringContaining('ECONNRESET'),
    });
  });

  it.each([
    [404, '404 page not found', 'it answered 404 for /v1/status'],
    [302, '', 'it answered 302 for /v1/status'],
    [200, '<html>', 'its answer is not JSON'],
    [200, '', 'its answer is not JSON'],
    [200, '{"status":"ok"}', 'its JSON is not a status report'],
    [200, '{"servicePorts":[]}', 'its JSON is not a status report'],
    [200, 'null', 'its JSON is not a status report'],
  ])('refuses an answer of something else: %i %j', async (status, body, why) => {
    const address = await saying(status, body);
    await expect(askStatus(address)).rejects.toMatchObject({
      code: 'STATUS_MALFORMED',
      message: `what answers at ${LOOPBACK}:${address.port} gives no status: ${why}`,
    });
  });

  it('passes on why the running kube-splice could not make its report', async () => {
    const address = await saying(500, '{"code":"INTERNAL","error":"unforeseen"}\n');
    await expect(askStatus(address)).rejects.toMatchObject({
      code: 'STATUS_MALFORMED',
      message: expect.stringContaining('unforeseen'),
      remedy: expect.stringContaining('log'),
    });
  });

  it('reads no more than the limit', async () => {
    const address = await saying(200, JSON.stringify({ filler: 'x'.repeat(10_000) }));
    await expect(askStatus(address, { deadlineMs: 5_000, maxBytes: 1_000 })).rejects.toMatchObject({
      code: 'STATUS_MALFORMED',
      message: expect.stringContaining('longer than 1000 bytes'),
    });
  });

  it('recognises what does not speak HTTP', async () => {
    const address = await listen(
      createServer((socket) =>
        socket
          .on('error', () => undefined)
          .resume()
          .end('SSH-2.0-x\r\n'),
      ),
    );
    await expect(askStatus(address)).rejects.toMatchObject({
      code: 'STATUS_MALFORMED',
      message: expect.stringContaining('it does not speak HTTP'),
    });
  });
});

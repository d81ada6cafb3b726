import { getEventListeners } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CertificateAuthority } from '../../../support/certificate-authority.js';
import { eventually, within } from '../../../support/deadline.js';
import { openSockets } from '../../../support/open-sockets.js';
import { temporaryDirectory } from '../../../support/temporary-directory.js';
import { base64, clientOf, failureOf, httpServer, NEVER, statusOf, tcpServer, textOf } from './local-api.js';

const authority = new CertificateAuthority();

const trusting = (server: string) => ({
  server,
  'certificate-authority-data': base64(authority.certificate),
});

describe('a request of an ApiClient', () => {
  it('has path, query and headers, and its answer comes as it is', async () => {
    const seen: IncomingMessage[] = [];
    const { url } = await httpServer((request, response) => {
      seen.push(request);
      response.writeHead(200, { 'x-one': '1' });
      response.write('{"kind":');
      setImmediate(() => response.end('"ServiceList"}'));
    });
    const client = await clientOf({ cluster: { server: `${url}/prefix/` } });
    const query = { labelSelector: '!a,b in (c d)' };
    const response = await within('answer', client.get('/api/v1/services', query, { signal: NEVER }));
    expect(response.status).toBe(200);
    expect(response.header('X-One')).toBe('1');
    expect(response.header('x-two')).toBeUndefined();
    expect(await within('body', textOf(response))).toBe('{"kind":"ServiceList"}');
    expect(client.server).toBe(`${url}/prefix`);
    const [request] = seen;
    const asked = new URL(request?.url ?? '', url);
    expect(asked.pathname).toBe('/prefix/api/v1/services');
    expect(asked.searchParams.get('labelSelector')).toBe('!a,b in (c d)');
    expect(request?.headers).toMatchObject({
      accept: 'application/json',
      'user-agent': 'kube-splice/9.9.9',
      host: new URL(url).host,
    });
  });

  it('goes over the connection of the one before', async () => {
    const ports = new Set<number | undefined>();
    const { url } = await httpServer((request, response) => {
      ports.add(request.socket.remotePort);
      response.end('{}');
    });
    const client = await clientOf({ cluster: { server: url } });
    for (let count = 0; count < 3; count += 1) expect(await statusOf(client)).toBe(200);
    expect(ports.size).toBe(1);
  });

  it('leaves nothing on a signal that lives longer', async () => {
    const { url } = await httpServer((_request, response) => response.end('{}'));
    const client = await clientOf({ cluster: { server: url } });
    const { signal } = new AbortController();
    for (let count = 0; count < 3; count += 1) await textOf(await client.get('/', {}, { signal }));
    await eventually(() => expect(getEventListeners(signal, 'abort')).toEqual([]));
  });

  it('is sent again where a kept connection turns out to be closed', async () => {
    let requests = 0;
    const { url } = await httpServer((request, response) => {
      requests += 1;
      if (requests === 2) request.socket.destroy();
      else response.end('{}');
    });
    const client = await clientOf({ cluster: { server: url } });
    expect(await statusOf(client)).toBe(200);
    expect(await statusOf(client)).toBe(200);
    expect(requests).toBe(3);
  });

  it('fails where a new connection is cut before the answer', async () => {
    const { url, port } = await httpServer((request) => request.socket.destroy());
    const client = await clientOf({ cluster: { server: url } });
    const error = await failureOf(client.get('/version', {}, { signal: NEVER }));
    expect(error.code).toBe('APISERVER_UNREACHABLE');
    expect(error.message).toBe(`no API server at 127.0.0.1:${port}: the connection was cut (ECONNRESET)`);
  });

  it('fails where the server changes the protocol instead of answering', async () => {
    const port = await tcpServer((socket) => {
      const change = 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n';
      socket.once('data', () => socket.write(change));
    });
    const client = await clientOf({ cluster: { server: `http://127.0.0.1:${port}` } });
    const error = await failureOf(client.get('/version', {}, { signal: NEVER }));
    expect(error.code).toBe('APISERVER_UNREACHABLE');
    expect(error.message).toBe(
      `no API server at 127.0.0.1:${port}: the connection was closed before an answer`,
    );
  });

  it('does not follow a redirect', async () => {
    const paths: (string | undefined)[] = [];
    const { url } = await httpServer((request, response) => {
      paths.push(request.url);
      response.writeHead(302, { location: '/elsewhere' }).end();
    });
    expect(await statusOf(await clientOf({ cluster: { server: url } }), '/api')).toBe(302);
    expect(paths).toEqual(['/api']);
  });

  it('fails with host and port where nothing listens', async () => {
    const { server, port } = await httpServer(() => undefined);
    await new Promise((resolve) => server.close(resolve));
    const client = await clientOf({ cluster: { server: `http://127.0.0.1:${port}` } });
    const error = await failureOf(client.get('/version', {}, { signal: NEVER }));
    expect(error.code).toBe('APISERVER_UNREACHABLE');
    expect(error.message).toBe(`no API server at 127.0.0.1:${port}: nothing listens there (ECONNREFUSED)`);
  });

  it('fails where what answers does not speak HTTP', async () => {
    const port = await tcpServer((socket) => socket.end('SSH-2.0-OpenSSH_9.9\r\n'));
    const client = await clientOf({ cluster: { server: `http://127.0.0.1:${port}` } });
    const error = await failureOf(client.get('/version', {}, { signal: NEVER }));
    expect(error.code).toBe('APISERVER_MALFORMED');
    expect(error.message).toContain(`127.0.0.1:${port} does not speak HTTP`);
  });

  it('is given up where no answer comes in time', async () => {
    const { url, port } = await httpServer(() => undefined);
    const client = await clientOf({ cluster: { server: url } });
    const error = await failureOf(client.get('/version', {}, { signal: NEVER, headersTimeoutMs: 50 }));
    expect(error.code).toBe('APISERVER_UNREACHABLE');
    expect(error.message).toBe(`no API server at 127.0.0.1:${port}: no answer within 0.05 s`);
  });

  it('is given up where TLS is not agreed on in time', async () => {
    const port = await tcpServer(() => undefined);
    const client = await clientOf(
      { cluster: trusting(`https://127.0.0.1:${port}`) },
      { headersTimeoutMs: 50 },
    );
    const error = await failureOf(client.get('/version', {}, { signal: NEVER }));
    expect(error.code).toBe('APISERVER_UNREACHABLE');
    expect(error.message).toContain('within 0.05 s');
  });
});

describe('a body', () => {
  it('that falls silent fails, and time that the reader takes is no silence', async () => {
    const { url } = await httpServer((_request, response) => void response.write('one'));
    const client = await clientOf({ cluster: { server: url } });
    const response = await client.get('/', {}, { signal: NEVER, idleTimeoutMs: 60 });
    const body = response.body[Symbol.asyncIterator]();
    expect(String((await within('a chunk', body.next())).value)).toBe('one');
    await new Promise((resolve) => setTimeout(resolve, 150));
    const error = await failureOf(body.next());
    expect(error.code).toBe('APISERVER_UNREACHABLE');
    expect(error.message).toContain('nothing more came within 0.06 s');
  });

  it('that is cut fails, after what came of it', async () => {
    const { url } = await httpServer((_request, response) => {
      response.write('one', () => response.socket?.destroy());
    });
    const client = await clientOf({ cluster: { server: url } });
    const response = await client.get('/', {}, { signal: NEVER });
    const read: string[] = [];
    const reading = async (): Promise<void> => {
      for await (const chunk of response.body) read.push(chunk.toString());
    };
    expect((await failureOf(reading())).code).toBe('APISERVER_UNREACHABLE');
    expect(read).toEqual(['one']);
  });

  it('that is given up throws the reason, and closes its connection', async () => {
    let closed: Promise<unknown> = Promise.resolve();
    const { url } = await httpServer((request, response) => {
      closed = new Promise((resolve) => request.socket.once('close', resolve));
      response.write('one');
    });
    const client = await clientOf({ cluster: { server: url } });
    const giveUp = new AbortController();
    const response = await client.get('/', {}, { signal: giveUp.signal });
    const body = response.body[Symbol.asyncIterator]();
    await body.next();
    const reason = new Error('enough');
    const next = body.next();
    giveUp.abort(reason);
    await expect(within('the end', next)).rejects.toBe(reason);
    await within('the close', closed);
  });

  it('that nobody reads to its end leaves no connection behind', async () => {
    let closed: Promise<unknown> = Promise.resolve();
    const { url } = await httpServer((request, response) => {
      closed = new Promise((resolve) => request.socket.once('close', resolve));
      response.write('one');
    });
    const client = await clientOf({ cluster: { server: url } });
    (await client.get('/', {}, { signal: NEVER })).destroy();
    await within('the close after destroy', closed);
    for await (const _chunk of (await client.get('/', {}, { signal: NEVER })).body) break;
    await within('the close after a loop that was left', closed);
  });

  it('that is there whole, and left early, leaves no connection behind either', async () => {
    let closed: Promise<unknown> = Promise.resolve();
    const { url } = await httpServer((request, response) => {
      closed = new Promise((resolve) => request.socket.once('close', resolve));
      response.write('one');
      response.end('two');
    });
    const client = await clientOf({ cluster: { server: url } });
    for await (const _chunk of (await client.get('/', {}, { signal: NEVER })).body) break;
    await within('the close', closed);
  });
});

describe('giving up', () => {
  it('before the headers rejects with the reason at once', async () => {
    const { url } = await httpServer(() => undefined);
    const client = await clientOf({ cluster: { server: url } });
    const reason = new Error('enough');
    const giveUp = new AbortController();
    const request = client.get('/', {}, { signal: giveUp.signal });
    setImmediate(() => giveUp.abort(reason));
    await expect(within('the end', request)).rejects.toBe(reason);
    await expect(within('the end', client.get('/', {}, { signal: giveUp.signal }))).rejects.toBe(reason);
  });

  it('beforehand fetches no credentials', async () => {
    const read: string[] = [];
    const readFile = async (path: string): Promise<Buffer> => {
      read.push(path);
      return Buffer.from('');
    };
    const { certificate, key } = authority.client();
    const directory = temporaryDirectory();
    const user = { 'client-certificate': join(directory, 'crt'), 'client-key': join(directory, 'key') };
    writeFileSync(user['client-certificate'], certificate);
    writeFileSync(user['client-key'], key);
    const client = await clientOf({ cluster: trusting('https://127.0.0.1:1'), user }, { readFile });
    const reason = new Error('enough');
    const signal = AbortSignal.abort(reason);
    await expect(client.get('/', {}, { signal })).rejects.toBe(reason);
    await client.close();
    await expect(client.get('/', {}, { signal: NEVER })).rejects.toThrow('closed');
    await new Promise((resolve) => setImmediate(resolve));
    expect(read).toEqual([]);
  });

  it('by close ends requests, bodies and handshakes, and releases every socket', async () => {
    const before = openSockets();
    const { url } = await httpServer((_request, response) => void response.write('one'));
    const silent = await tcpServer((socket) => void socket.resume().on('end', () => socket.destroy()));
    const client = await clientOf({ cluster: { server: url } });
    const stuck = await clientOf({ cluster: trusting(`https://127.0.0.1:${silent}`) });
    const response = await client.get('/', {}, { signal: NEVER });
    const reading = textOf(response);
    const waiting = stuck.get('/', {}, { signal: NEVER });
    const ends = Promise.allSettled([reading, waiting]);
    await within('both clients closed', Promise.all([client.close(), stuck.close()]));
    expect((await within('both ends', ends)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await expect(client.get('/', {}, { signal: NEVER })).rejects.toThrow('closed');
    const listening = openSockets() === 0 ? 0 : 2;
    await eventually(() => expect(openSockets()).toBe(before + listening));
  });
});

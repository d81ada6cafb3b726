import { createServer, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { CertificateAuthority } from '../../../support/certificate-authority.js';
import {
  base64,
  clientOf,
  failureOf,
  httpsServer,
  listening,
  NEVER,
  statusOf,
  tcpServer,
} from './local-api.js';

const authority = new CertificateAuthority();
const good = authority.server(['api.cluster.test', '127.0.0.1']);

/** Connects whoever asks with CONNECT to this port, whatever host was asked for. */
async function connectProxy(port: number): Promise<{ port: number; asked: IncomingMessage[] }> {
  const asked: IncomingMessage[] = [];
  const server = createServer();
  server.on('connect', (request, socket: Socket) => {
    asked.push(request);
    const onward = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      socket.pipe(onward).pipe(socket);
    });
    onward.on('error', () => socket.destroy());
    socket.once('close', () => onward.destroy());
  });
  return { port: await listening(server), asked };
}

/** As `connectProxy`, in SOCKS 5 without authentication: tells the address type and the name asked for. */
async function socksProxy(port: number): Promise<{ port: number; asked: string[] }> {
  const asked: string[] = [];
  const proxy = await tcpServer((socket) => {
    socket.once('data', () => {
      socket.write(Buffer.from([5, 0]));
      socket.once('data', (request) => {
        asked.push(`${request[3]} ${request.subarray(5, 5 + (request[4] ?? 0)).toString()}`);
        const onward = connect(port, '127.0.0.1', () => {
          socket.write(Buffer.from([5, 0, 0, 1, 127, 0, 0, 1, 0, 0]));
          socket.pipe(onward).pipe(socket);
        });
        onward.on('error', () => socket.destroy());
        socket.once('close', () => onward.destroy());
      });
    });
  });
  return { port: proxy, asked };
}

const api = async () => await httpsServer(good, (_request, response) => void response.end('{}'));
const cluster = (proxyUrl?: string) => ({
  server: 'https://api.cluster.test:6443',
  'certificate-authority-data': base64(authority.certificate),
  ...(proxyUrl === undefined ? {} : { 'proxy-url': proxyUrl }),
});

describe('a proxy', () => {
  it('of HTTP is asked to connect to the server, which proves itself through it', async () => {
    const proxy = await connectProxy((await api()).port);
    const client = await clientOf({ cluster: cluster(`http://me:p%40ss@127.0.0.1:${proxy.port}`) });
    expect(await statusOf(client)).toBe(200);
    expect(await statusOf(client)).toBe(200);
    expect(proxy.asked.map(({ url }) => url)).toEqual(['api.cluster.test:6443']);
    expect(proxy.asked[0]?.headers['proxy-authorization']).toBe(`Basic ${base64('me:p@ss')}`);
  });

  it('of SOCKS is given the name to look up itself', async () => {
    const proxy = await socksProxy((await api()).port);
    const client = await clientOf({ cluster: cluster(`socks5://127.0.0.1:${proxy.port}`) });
    expect(await statusOf(client)).toBe(200);
    expect(proxy.asked).toEqual(['3 api.cluster.test']);
  });

  it('of the environment is used where the cluster names none', async () => {
    const proxy = await connectProxy((await api()).port);
    const environment = { HTTPS_PROXY: `127.0.0.1:${proxy.port}`, NO_PROXY: 'example.org' };
    expect(await statusOf(await clientOf({ cluster: cluster() }, { environment }))).toBe(200);
    expect(proxy.asked).toHaveLength(1);
  });

  it('does not make another certificate right', async () => {
    const server = await httpsServer(authority.server(['other']), () => undefined);
    const proxy = await connectProxy(server.port);
    const client = await clientOf({ cluster: cluster(`http://127.0.0.1:${proxy.port}`) });
    const error = await failureOf(client.get('/', {}, { signal: NEVER }));
    expect(error.code).toBe('APISERVER_CERTIFICATE_REJECTED');
    expect(error.message).toContain('it is not for api.cluster.test but for DNS:other');
  });

  it('that refuses is named, with its answer and without its password', async () => {
    const server = createServer();
    server.on('connect', (_request, socket: Socket) => {
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n');
    });
    const port = await listening(server);
    const client = await clientOf({ cluster: cluster(`http://me:hunter2@127.0.0.1:${port}`) });
    const error = await failureOf(client.get('/', {}, { signal: NEVER }));
    expect(error.code).toBe('APISERVER_UNREACHABLE');
    expect(error.message).toBe(
      `no API server at api.cluster.test:6443: the proxy 127.0.0.1:${port} does not connect to it: 407 Proxy Authentication Required`,
    );
  });

  it('that refuses with much, and with what a terminal obeys, is quoted on one short line', async () => {
    const answer = `HTTP/1.1 403 \u001b[31m${'x'.repeat(9_000)}\r\n\r\n`;
    const port = await tcpServer((socket) => socket.once('data', () => socket.end(answer)));
    const client = await clientOf({ cluster: cluster(`http://127.0.0.1:${port}`) });
    const error = await failureOf(client.get('/', {}, { signal: NEVER }));
    expect(error.message).toContain('does not connect to it: 403 \\u001b[31mxxx');
    expect(error.message.length).toBeLessThan(500);
  });

  it('of SOCKS that refuses is named', async () => {
    const port = await tcpServer((socket) => {
      socket.once('data', () => {
        socket.write(Buffer.from([5, 0]));
        socket.once('data', () => socket.write(Buffer.from([5, 5, 0, 1, 0, 0, 0, 0, 0, 0])));
      });
    });
    const client = await clientOf({ cluster: cluster(`socks5://127.0.0.1:${port}`) });
    const error = await failureOf(client.get('/', {}, { signal: NEVER }));
    expect(error.code).toBe('APISERVER_UNREACHABLE');
    expect(error.message).toContain(`the proxy 127.0.0.1:${port} does not connect to it`);
  });

  it('that is not there is named', async () => {
    const server = createServer();
    const port = await listening(server);
    await new Promise((resolve) => server.close(resolve));
    const client = await clientOf({ cluster: cluster(`http://127.0.0.1:${port}`) });
    const error = await failureOf(client.get('/', {}, { signal: NEVER }));
    expect(error.code).toBe('APISERVER_UNREACHABLE');
    expect(error.message).toContain(
      `its proxy 127.0.0.1:${port} cannot be used: nothing listens there (ECONNREFUSED)`,
    );
  });

  it.each(['http', 'https', 'socks5'])('of %s that is silent holds nobody up', async (kind) => {
    const port = await tcpServer((socket) => void socket.resume());
    const client = await clientOf(
      { cluster: cluster(`${kind}://127.0.0.1:${port}`) },
      { headersTimeoutMs: 60 },
    );
    const error = await failureOf(client.get('/', {}, { signal: NEVER }));
    expect(error.code).toBe('APISERVER_UNREACHABLE');
    expect(error.message).toContain('within 0.06 s');
    await client.close();
  });
});

import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ApiClient, type ApiResponse } from '../../../../src/sources/apiserver/access/api-client.js';
import { loadClusterConfig } from '../../../../src/sources/apiserver/access/load-cluster-config.js';
import { within } from '../../../support/deadline.js';

async function serve(listener: RequestListener): Promise<string> {
  const server: Server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(() => resolve()));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function clientOf(master: string): Promise<ApiClient> {
  const config = await loadClusterConfig({ kubeconfig: null, master, environment: {} });
  const client = new ApiClient({ config, userAgent: 'kube-splice/9.9.9', environment: {} });
  onTestFinished(() => client.close());
  return client;
}

async function textOf(response: ApiResponse): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response.body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const signal = new AbortController().signal;

describe('an ApiClient', () => {
  it('asks for a path with a query, says who it is, and takes the answer as it comes', async () => {
    const seen: IncomingMessage[] = [];
    const url = await serve((request, response) => {
      seen.push(request);
      response.writeHead(200, { 'content-type': 'application/json', 'x-one': '1' });
      response.write('{"kind":');
      setImmediate(() => response.end('"ServiceList"}'));
    });
    const client = await clientOf(`${url}/prefix/`);
    const response = await within(
      'answer',
      client.get('/api/v1/services', { labelSelector: '!a,b in (c d)' }, { signal }),
    );
    expect(response.status).toBe(200);
    expect(response.header('X-One')).toBe('1');
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
    expect(request?.headers.authorization).toBeUndefined();
  });

  it('uses one connection for one request after another', async () => {
    const ports = new Set<number | undefined>();
    const url = await serve((request, response) => {
      ports.add(request.socket.remotePort);
      response.end('{}');
    });
    const client = await clientOf(url);
    for (let count = 0; count < 3; count += 1) await textOf(await client.get('/version', {}, { signal }));
    expect(ports.size).toBe(1);
  });
});

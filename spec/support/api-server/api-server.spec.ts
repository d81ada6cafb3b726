import { get } from 'node:http';
import { request } from 'node:https';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { CertificateAuthority } from '../certificate-authority.js';
import { eventually, within } from '../deadline.js';
import { serviceObject, sliceObject } from '../kubernetes-objects.js';
import { startApiServer } from './started-api-server.js';
import { ask, openStream } from './wire-client.js';

const SERVICES = '/api/v1/namespaces/default/services';
const SLICES = '/apis/discovery.k8s.io/v1/endpointslices';
const MERGE_PATCH = { 'content-type': 'application/merge-patch+json' };

/** The status of an answer over TLS, or the code of the error that came in its place. */
function askOverTls(url: string, options: object): Promise<number | string> {
  return new Promise((resolve) => {
    const asked = request(url, { ...options, agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    asked.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
    asked.end();
  });
}

/** The bytes of an answer to who takes gzip. */
function compressed(url: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    get(url, { headers: { 'accept-encoding': 'gzip' }, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.once('end', () => resolve(Buffer.concat(chunks)));
    }).once('error', reject);
  });
}

describe('the API server of the specs', () => {
  it('creates, reads, changes and deletes what it is told to', async () => {
    const { url } = await startApiServer();
    const body = serviceObject({ clusterIP: undefined });
    const created = await ask(url + SERVICES, { method: 'POST', body });
    expect(created.code).toBe(201);
    const { metadata, spec } = JSON.parse(created.text) as { metadata: object; spec: object };
    expect(metadata).toMatchObject({ name: 'web', namespace: 'default', resourceVersion: '2' });
    expect(spec).toMatchObject({ clusterIP: '10.96.0.1', clusterIPs: ['10.96.0.1'], type: 'ClusterIP' });
    expect((await ask(url + SERVICES, { method: 'POST', body })).code).toBe(409);
    const patch = { spec: { type: 'NodePort' } };
    const one = `${url}${SERVICES}/web`;
    const patched = await ask(one, { method: 'PATCH', headers: MERGE_PATCH, body: patch });
    expect(JSON.parse(patched.text)).toMatchObject({ spec: { ports: [{ port: 80, nodePort: 30000 }] } });
    const stale = await ask(one, { method: 'PUT', body: JSON.parse(created.text) });
    expect(JSON.parse(stale.text)).toMatchObject({ code: 409, reason: 'Conflict' });
    expect((await ask(one)).text).toBe(patched.text);
    expect((await ask(one, { method: 'DELETE' })).code).toBe(200);
    expect(JSON.parse((await ask(one)).text)).toMatchObject({
      code: 404,
      message: 'services "web" not found',
    });
  });

  it('gives no address to two Services, and one again that is free again', async () => {
    const server = await startApiServer();
    const create = (name: string, spec: object): unknown =>
      server.create('services', serviceObject({ clusterIP: undefined, ...spec }, { name })).spec;
    create('taken', { clusterIP: '10.96.0.1', type: 'NodePort', ports: [{ port: 80, nodePort: 30000 }] });
    expect(create('next', { type: 'NodePort' })).toMatchObject({
      clusterIP: '10.96.0.2',
      ports: [{ nodePort: 30001 }],
    });
    server.delete('services', 'default/taken');
    expect(create('again', { clusterIP: '10.96.0.1' })).toMatchObject({ clusterIP: '10.96.0.1' });
  });

  it('writes an empty list of a slice as null, as etcd does not keep the difference', async () => {
    const server = await startApiServer();
    server.create('endpointslices', sliceObject([]));
    expect((await ask(server.url + SLICES)).text).toContain('"endpoints":null');
  });

  it('does not serve slices where it is an old one', async () => {
    const { url } = await startApiServer({ servesSlices: false, gitVersion: 'v1.15.12' });
    const { code, headers, text } = await ask(url + SLICES);
    expect([code, headers['content-type'], text]).toEqual([
      404,
      'text/plain; charset=utf-8',
      '404 page not found\n',
    ]);
    expect((await ask(`${url}/apis/discovery.k8s.io/v1`)).code).toBe(404);
    expect(JSON.parse((await ask(`${url}/version`)).text)).toMatchObject({ major: '1', minor: '15' });
  });

  it('says that it is well, and nothing of what it does not know', async () => {
    const { url } = await startApiServer();
    expect(await ask(`${url}/readyz`)).toMatchObject({ code: 200, text: 'ok' });
    expect((await ask(`${url}/apis/apps/v1/deployments`)).code).toBe(404);
  });

  it('compresses a long list for who takes that', async () => {
    const server = await startApiServer();
    for (let count = 0; count < 300; count += 1)
      server.create('services', serviceObject({}, { name: `service-${count}` }));
    const url = `${server.url}/api/v1/services`;
    const plain = await ask(url);
    expect(plain.headers).not.toHaveProperty('content-encoding');
    expect(JSON.parse(plain.text)).toHaveProperty('items.length', 300);
    expect(gunzipSync(await compressed(url)).toString()).toBe(plain.text);
  });

  it('knows which requests it saw, and tells who waits for one', async () => {
    const server = await startApiServer({ token: 'one' });
    const awaited = server.request({ kind: 'list', resource: 'services', status: 200 });
    const headers = { authorization: 'Bearer two', 'user-agent': 'spec/1' };
    await ask(`${server.url}${SERVICES}?limit=5`, { headers });
    server.token = 'two';
    await ask(`${server.url}${SERVICES}?limit=6`, { headers });
    const seen = await within('the request', awaited);
    expect(seen).toMatchObject({
      method: 'GET',
      path: SERVICES,
      query: { limit: '6' },
      headers,
      namespace: 'default',
    });
    expect(server.requests.count({ kind: 'list' })).toBe(2);
    expect(server.requests.matching({ query: { limit: '5' } })).toMatchObject([{ status: 401 }]);
    server.requests.forget();
    expect(server.requests.all).toEqual([]);
  });

  it('cuts, ends and silences the watches that are open', async () => {
    const server = await startApiServer();
    const open = (resource: string) => openStream(`${server.url}/api/v1/${resource}?watch=1`);
    const [services, endpoints, nodes] = await Promise.all(['services', 'endpoints', 'nodes'].map(open));
    expect([server.openWatches(), server.openWatches('services')]).toEqual([3, 1]);
    server.sendToWatches('what is this?\n', 'services');
    server.cutWatches('services', '{"type":"ADD');
    server.silenceWatches('nodes');
    server.create('nodes', { metadata: { name: 'node1' } });
    server.endWatches('endpoints');
    await within('two ends', Promise.all([services?.ended, endpoints?.ended]));
    expect([services?.answer.complete, services?.text]).toEqual([false, 'what is this?\n{"type":"ADD']);
    expect([endpoints?.answer.complete, endpoints?.text]).toEqual([true, '']);
    expect([nodes?.answer.closed, nodes?.text]).toEqual([false, '']);
    await eventually(() => expect(server.openWatches()).toBe(1));
    server.cutWatches();
    await within('the last end', Promise.resolve(nodes?.ended));
    expect(nodes?.answer.complete).toBe(false);
  });

  it('refuses connections while it pauses, and comes back to the same port with what it had', async () => {
    const server = await startApiServer();
    server.create('services', serviceObject());
    const { url } = server;
    const watch = await openStream(`${url}${SERVICES}?watch=1&resourceVersion=2`);
    await server.pause();
    await within('the cut', watch.ended);
    await expect(ask(url)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    server.patch('services', 'default/web', { spec: { sessionAffinity: 'ClientIP' } });
    await server.resume();
    const resumed = await openStream(`${url}${SERVICES}?watch=1&resourceVersion=2`);
    await resumed.firstEvents(1);
    expect(resumed.summary).toEqual(['MODIFIED web 3']);
    await server.restart();
    await within('the second cut', resumed.ended);
    expect((await ask(url + SERVICES)).code).toBe(200);
  });

  it('speaks TLS, and takes a client certificate for a token', async () => {
    const authority = new CertificateAuthority();
    const ca = authority.certificate;
    const server = await startApiServer({ tls: { ...authority.server(), clientCa: ca }, token: 'secret' });
    const url = `${server.url}${SERVICES}`;
    const { key, certificate: cert } = authority.client();
    const stranger = new CertificateAuthority('another').client();
    expect(await askOverTls(url, { ca })).toBe(401);
    expect(await askOverTls(url, { ca, headers: { authorization: 'Bearer secret' } })).toBe(200);
    expect(await askOverTls(url, { ca, key, cert })).toBe(200);
    expect(await askOverTls(url, { ca, key: stranger.key, cert: stranger.certificate })).toBe(401);
    server.tls = authority.expiredServer();
    expect(await askOverTls(url, { ca })).toBe('CERT_HAS_EXPIRED');
  });
});

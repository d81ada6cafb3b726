import { writeFileSync } from 'node:fs';
import { createServer as createHttp, type RequestListener, type Server } from 'node:http';
import type { ServerOptions } from 'node:https';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, createServer as createTcp, type Socket, type Server as TcpServer } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { KubeSpliceError } from '../../../../src/model/errors.js';
import {
  ApiClient,
  type ApiClientOptions,
  type ApiResponse,
} from '../../../../src/sources/apiserver/access/api-client.js';
import { loadClusterConfig } from '../../../../src/sources/apiserver/access/load-cluster-config.js';
import type { Certified } from '../../../support/certificate-authority.js';
import { within } from '../../../support/deadline.js';
import { temporaryDirectory } from '../../../support/temporary-directory.js';

/** A signal that nobody aborts. */
export const NEVER = new AbortController().signal;

/** The port of a server that is gone when the test is. */
export async function listening(server: TcpServer): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  });
  return (server.address() as AddressInfo).port;
}

export async function httpServer(
  listener: RequestListener,
): Promise<{ url: string; port: number; server: Server }> {
  const server = createHttp(listener);
  const port = await listening(server);
  return { url: `http://127.0.0.1:${port}`, port, server };
}

export async function httpsServer(
  { key, certificate }: Certified,
  listener: RequestListener,
  options: ServerOptions = {},
): Promise<{ url: string; port: number }> {
  const server = createHttps({ key, cert: certificate, ...options }, listener);
  server.on('tlsClientError', () => undefined);
  const port = await listening(server);
  return { url: `https://127.0.0.1:${port}`, port };
}

/** A server that is told of each connection. */
export async function tcpServer(onConnection: (socket: Socket) => void): Promise<number> {
  return await listening(createTcp({ allowHalfOpen: true }, onConnection));
}

export interface KubeconfigParts {
  readonly cluster: Readonly<Record<string, unknown>>;
  readonly user?: Readonly<Record<string, unknown>>;
}

/** A kubeconfig file of one context, in a directory of its own. */
export function kubeconfigFile({ cluster, user = {} }: KubeconfigParts): string {
  const path = join(temporaryDirectory(), 'kubeconfig');
  const config = {
    kind: 'Config',
    apiVersion: 'v1',
    'current-context': 'here',
    contexts: [{ name: 'here', context: { cluster: 'one', user: 'me' } }],
    clusters: [{ name: 'one', cluster }],
    users: [{ name: 'me', user }],
  };
  writeFileSync(path, JSON.stringify(config));
  return path;
}

/** A client as that file says; closed when the test is finished. */
export async function clientOf(
  parts: KubeconfigParts,
  options: Partial<ApiClientOptions> = {},
): Promise<ApiClient> {
  const environment = options.environment ?? {};
  const config = await loadClusterConfig({ kubeconfig: kubeconfigFile(parts), master: null, environment });
  const client = new ApiClient({ config, userAgent: 'kube-splice/9.9.9', environment, ...options });
  onTestFinished(() => client.close());
  return client;
}

export async function textOf(response: ApiResponse): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response.body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** The status of a GET whose body is read. */
export async function statusOf(client: ApiClient, path = '/version'): Promise<number> {
  const response = await within('an answer', client.get(path, {}, { signal: NEVER }));
  await within('the body', textOf(response));
  return response.status;
}

/** The error that the promise rejects with, which has to be one that a person can act on. */
export async function failureOf(promise: Promise<unknown>): Promise<KubeSpliceError> {
  const outcome = await within(
    'a failure',
    promise.then(
      () => 'no failure',
      (error: unknown) => error,
    ),
  );
  if (outcome instanceof KubeSpliceError) return outcome;
  throw outcome instanceof Error ? outcome : new Error(String(outcome));
}

export function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

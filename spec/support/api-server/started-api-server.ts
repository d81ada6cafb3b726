import { onTestFinished } from 'vitest';
import { ApiServer, type ApiServerOptions } from './api-server.js';

/** An API server that stops when the test ends. */
export async function startApiServer(options: ApiServerOptions = {}): Promise<ApiServer> {
  const server = await ApiServer.start(options);
  onTestFinished(() => server.stop());
  return server;
}

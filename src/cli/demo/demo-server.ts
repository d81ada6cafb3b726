import { systemErrorCode } from '../../model/errors.js';
import type { DemoEndpoint } from './demo-manifest.js';
import type { ListeningServer } from './listening-server.js';
import { startUdpEchoServer } from './udp-echo-server.js';
import { startWhoamiServer } from './whoami-server.js';

/** A server that plays one endpoint of the demo. */
export interface DemoServer extends ListeningServer {
  readonly endpoint: DemoEndpoint;
}

/** Another program holds the port, or the system keeps it for something else. */
const TAKEN = new Set(['EADDRINUSE', 'EACCES']);

/**
 * Starts a server for every endpoint, at the declared address. Where the port is taken, the server gets a free one:
 * its `port` differs from the endpoint's. When one cannot be started, none is left running.
 */
export async function startDemoServers(endpoints: readonly DemoEndpoint[]): Promise<DemoServer[]> {
  const started: DemoServer[] = [];
  try {
    for (const endpoint of endpoints) started.push(await startOne(endpoint));
    return started;
  } catch (error) {
    await stopDemoServers(started);
    throw error;
  }
}

export async function stopDemoServers(servers: readonly DemoServer[]): Promise<void> {
  await Promise.all(servers.map((server) => server.stop()));
}

async function startOne(endpoint: DemoEndpoint): Promise<DemoServer> {
  const start = endpoint.protocol === 'TCP' ? startWhoamiServer : startUdpEchoServer;
  const server = await start(endpoint).catch((error: unknown) => {
    if (!TAKEN.has(systemErrorCode(error) ?? '')) throw error;
    return start({ ...endpoint, port: 0 });
  });
  return { endpoint, port: server.port, stop: () => server.stop() };
}

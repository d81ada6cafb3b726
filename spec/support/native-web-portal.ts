import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { SILENT_LOGGER } from '../../src/host/log.js';
import type { Endpoint } from '../../src/model/endpoint.js';
import { NativeRelay } from '../../src/relay/native/native-relay.js';
import { RelaySocket } from '../../src/relay/native/relay-socket.js';
import type { StartedRelay } from './native-relay-program.js';
import { RecordingObserver } from './recording-observer.js';
import { temporaryDirectory } from './temporary-directory.js';

export interface WebPortal {
  readonly port: number;
  readonly pid: number;
  readonly relay: NativeRelay;
  readonly observer: RecordingObserver;
}

/** A TCP portal of a native relay that runs by itself, what the relay told, and its process. */
export async function nativeWebPortal(
  start: (socket: string) => Promise<StartedRelay>,
  endpoint: Endpoint,
  address = '127.0.0.1',
  halfClosedTimeoutMs?: number,
): Promise<WebPortal> {
  const socket = join(temporaryDirectory(), 'relay.sock');
  const { pid } = await start(socket);
  const observer = new RecordingObserver();
  const relay = await NativeRelay.start({
    source: new RelaySocket(socket),
    observer,
    logger: SILENT_LOGGER,
    udpIdleTimeoutMs: 250,
    halfClosedTimeoutMs,
    maxUdpSessions: () => 10,
  });
  onTestFinished(() => relay.shutdown(0));
  const { port } = await relay.open({
    name: 'default/web',
    protocol: 'TCP',
    address,
    port: 0,
    routing: { endpoints: [endpoint], sessionAffinity: { type: 'None' } },
  });
  return { port, pid, relay, observer };
}

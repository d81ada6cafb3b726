import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { SILENT_LOGGER } from '../../../src/host/log.js';
import { NativeRelay } from '../../../src/relay/native/native-relay.js';
import { RelaySocket } from '../../../src/relay/native/relay-socket.js';
import { eventually } from '../../support/deadline.js';
import { NATIVE_RELAY_MISSING, startRelayProgram } from '../../support/native-relay-program.js';
import { RecordingObserver } from '../../support/recording-observer.js';
import { stopProcess } from '../../support/stopped-process.js';
import { temporaryDirectory } from '../../support/temporary-directory.js';
import type { UdpClient } from '../../support/udp-client.js';
import { echoDatagram, UdpEndpoint } from '../../support/udp-endpoint.js';
import { PortalUnderTest } from '../contract-engine.js';

const MAX_SESSIONS = 100;
const OF_OTHER_THREAD = 40;
/** More than a thread takes at once, and a few more than the sessions of it and the oldest of the other's. */
const NEW_CLIENTS = 64;
/** Apart far enough for any clock to tell which came first. */
const APART_MS = 20;

/** Two UDP portals, each of a thread of its own. */
async function openTwo(): Promise<{ pid: number; busy: PortalUnderTest; other: PortalUnderTest }> {
  const socket = join(temporaryDirectory(), 'relay.sock');
  const { pid } = await startRelayProgram(socket, '--threads', '2');
  const relay = await NativeRelay.start({
    source: new RelaySocket(socket),
    observer: new RecordingObserver(),
    logger: SILENT_LOGGER,
    udpIdleTimeoutMs: 60_000,
    maxUdpSessions: () => MAX_SESSIONS,
  });
  onTestFinished(() => relay.shutdown(0));
  const echo = await UdpEndpoint.bind(echoDatagram);
  const open = async (name: 'default/busy' | 'default/other'): Promise<PortalUnderTest> => {
    const address = '127.0.0.1';
    const routing = { endpoints: [echo.endpoint], sessionAffinity: { type: 'None' } } as const;
    const opened = await relay.open({ name, protocol: 'UDP', address, port: 0, routing });
    return new PortalUnderTest(relay, name, address, opened.port);
  };
  return { pid, busy: await open('default/busy'), other: await open('default/other') };
}

/** So many new clients, each answered, later than whoever came before them. */
async function oneByOne(portal: PortalUnderTest, count: number): Promise<void> {
  await pause(APART_MS);
  for (let made = 0; made < count; made += 1) await (await portal.udpClient()).ask('x');
}

/** `NEW_CLIENTS`, all of whose datagrams are there before the relay reads the first. Each is answered. */
async function allAtOnce(portal: PortalUnderTest, pid: number): Promise<void> {
  const clients: UdpClient[] = [];
  while (clients.length < NEW_CLIENTS) clients.push(await portal.udpClient());
  await pause(APART_MS);
  const goOn = await stopProcess(pid);
  const answers = clients.map((client) => client.ask('me, too'));
  goOn();
  expect(new Set(await Promise.all(answers))).toEqual(new Set(['me, too']));
}

describe.skipIf(NATIVE_RELAY_MISSING)(
  'UDP sessions of two threads (skipped where the relay is not built)',
  () => {
    it('make room in the order of idleness, whichever thread has them, for clients that come all at once', async () => {
      const { pid, busy, other } = await openTwo();
      const [oldest, middle, younger] = [1, MAX_SESSIONS - OF_OTHER_THREAD, OF_OTHER_THREAD - 1];
      await oneByOne(other, oldest);
      await oneByOne(busy, middle);
      await oneByOne(other, younger);
      await allAtOnce(busy, pid);
      const youngerEvicted = NEW_CLIENTS - oldest - middle;
      await eventually(async () => {
        expect(await busy.counters()).toMatchObject({
          udpSessions: NEW_CLIENTS,
          evictedUdpSessions: middle,
        });
        expect(await other.counters()).toMatchObject({
          udpSessions: younger - youngerEvicted,
          evictedUdpSessions: oldest + youngerEvicted,
        });
      });
    });

    it('make room for clients that come all at once to a thread that has none', async () => {
      const { pid, busy, other } = await openTwo();
      await oneByOne(other, MAX_SESSIONS);
      await allAtOnce(busy, pid);
      await eventually(async () => {
        expect(await busy.counters()).toMatchObject({ udpSessions: NEW_CLIENTS, evictedUdpSessions: 0 });
        expect(await other.counters()).toMatchObject({ udpSessions: MAX_SESSIONS - NEW_CLIENTS });
      });
    });
  },
);

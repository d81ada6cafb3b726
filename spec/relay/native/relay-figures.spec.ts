import { expect, it, onTestFinished } from 'vitest';
import { NativeRelay } from '../../../src/relay/native/native-relay.js';
import { RelaySocket } from '../../../src/relay/native/relay-socket.js';
import { FakeRelay } from '../../support/fake-relay.js';
import { NATIVE_RELAY_MISSING, startRelayProgram } from '../../support/native-relay-program.js';
import { nativeWebPortal } from '../../support/native-web-portal.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { RecordingObserver } from '../../support/recording-observer.js';
import { greet, TcpEndpoint } from '../../support/tcp-endpoint.js';
import { tcpConnect } from '../../support/tcp-peer.js';

const WEB = 'default/web';
const COUNTERS =
  'active=0 total=9 in=0 out=0 dial-failures=2 no-endpoints=0 refused-for-files=0 udp-sessions=0 udp-total=0 udp-evicted=0 dropped=0';

async function start(fake: FakeRelay) {
  const logger = new RecordingLogger();
  const relay = await NativeRelay.start({
    source: new RelaySocket(fake.path),
    observer: new RecordingObserver(),
    logger,
    udpIdleTimeoutMs: 250,
    maxUdpSessions: () => 10,
  });
  onTestFinished(() => relay.shutdown(0));
  await relay.open({
    name: WEB,
    protocol: 'TCP',
    address: '127.0.0.1',
    port: 0,
    routing: { endpoints: [], sessionAffinity: { type: 'None' } },
  });
  return { relay, logger };
}

it('an older relay tells the counters that it has, and nothing of its process or of affinity', async () => {
  const fake = await FakeRelay.start();
  fake.answers.set('counters all', 'error SYNTAX there are too many words');
  fake.answers.set('process', 'error UNKNOWN_VERB process');
  fake.answers.set('affinity', 'error UNKNOWN_VERB affinity');
  fake.carried.set(WEB, [`portal ${WEB} ${COUNTERS}`]);
  const { relay, logger } = await start(fake);
  expect((await relay.counters()).get(WEB)).toMatchObject({
    totalConnections: 9,
    dialFailures: 2,
    failures: {},
    affinityEntries: 0,
  });
  expect(await relay.process()).toBeNull();
  expect(await relay.affinity(WEB, '10.0.0.1')).toBeNull();
  expect(logger.messages('error')).toEqual([]);
});

it('a relay that is away tells nothing of its process or of affinity', async () => {
  const fake = await FakeRelay.start();
  const { relay } = await start(fake);
  await fake.stop();
  expect(await relay.process()).toBeNull();
  expect(await relay.affinity(WEB, '10.0.0.1')).toBeNull();
});

it('a client is asked for by its address alone, and a text that is none not at all', async () => {
  const fake = await FakeRelay.start();
  fake.answers.set('affinity', 'ok 10.0.0.4:80 1500');
  const { relay } = await start(fake);
  const bond = { endpoint: '10.0.0.4:80', remainingMs: 1_500 };
  for (const client of ['fe80:0::1', 'fe80::1%eth0', '::ffff:10.0.0.1'])
    expect(await relay.affinity(WEB, client)).toEqual(bond);
  for (const none of ['', 'no address', '10.0.0.1 10.0.0.2', '10.0.0.1\n9 shutdown 0'])
    expect(await relay.affinity(WEB, none)).toBeNull();
  expect(fake.asked.filter((line) => line.startsWith('affinity '))).toEqual([
    `affinity ${WEB} fe80::1`,
    `affinity ${WEB} fe80::1`,
    `affinity ${WEB} 10.0.0.1`,
  ]);
});

it.skipIf(NATIVE_RELAY_MISSING)(
  'a relay tells what its process needs, which grows (skipped where it is not built)',
  async () => {
    const endpoint = await TcpEndpoint.listen(greet('g'));
    const before = Date.now();
    const { port, pid, relay } = await nativeWebPortal(
      (socket) => startRelayProgram(socket, '--threads', '2'),
      endpoint.endpoint,
    );
    const first = await relay.process();
    expect(first).toMatchObject({ pid, version: '1', threads: 3, openFiles: 1 });
    expect(first?.residentBytes).toBeGreaterThan(1_000_000);
    expect(first?.residentBytes).toBeLessThan(1_000_000_000);
    expect(first?.openFileLimit).toBeGreaterThan(100);
    expect(first?.startedAt).toBeGreaterThan(before - 1_000);
    expect(first?.startedAt).toBeLessThanOrEqual(Date.now());
    const clients = [];
    for (let n = 0; n < 50; n++) {
      const client = await tcpConnect({ address: '127.0.0.1', port });
      await client.text(1);
      clients.push(client);
    }
    const later = await relay.process();
    expect(later?.openFiles).toBeGreaterThanOrEqual(1 + 2 * clients.length);
    expect(later?.cpuSeconds).toBeGreaterThan(first?.cpuSeconds ?? 0);
    expect(later?.startedAt).toBe(first?.startedAt);
  },
);

import { expect, it, onTestFinished } from 'vitest';
import type { PortalRequest } from '../../../src/relay/engine.js';
import { NativeRelay } from '../../../src/relay/native/native-relay.js';
import { RelaySocket } from '../../../src/relay/native/relay-socket.js';
import { eventually } from '../../support/deadline.js';
import { FakeRelay } from '../../support/fake-relay.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { RecordingObserver } from '../../support/recording-observer.js';

async function start(fake: FakeRelay, maxConnections?: number) {
  const logger = new RecordingLogger();
  const relay = await NativeRelay.start({
    source: new RelaySocket(fake.path),
    observer: new RecordingObserver(),
    logger,
    udpIdleTimeoutMs: 250,
    maxUdpSessions: () => 10,
    maxConnections,
  });
  onTestFinished(() => relay.shutdown(0));
  return { relay, logger };
}

function request(name: PortalRequest['name'], maxConnections?: number): PortalRequest {
  const routing = { endpoints: [], sessionAffinity: { type: 'None' } } as const;
  return {
    name,
    protocol: 'TCP',
    address: '127.0.0.1',
    port: 0,
    routing: maxConnections === undefined ? routing : { ...routing, maxConnections },
  };
}

function limitsAsked({ asked }: FakeRelay): readonly string[] {
  return asked.filter((line) => line.startsWith('limit '));
}

it('limits of portals are told with them, and where they change; those without have none', async () => {
  const fake = await FakeRelay.start();
  fake.answers.set('limit', 'ok');
  const { relay } = await start(fake);
  await relay.open(request('a/limited', 5));
  await relay.open(request('a/free'));
  expect(limitsAsked(fake)).toEqual(['limit a/limited connections=5']);
  await relay.route('a/limited', request('a/limited', 6).routing);
  await relay.route('a/limited', request('a/limited').routing);
  await relay.route('a/limited', request('a/limited').routing);
  expect(limitsAsked(fake).slice(1)).toEqual([
    'limit a/limited connections=6',
    'limit a/limited connections=0',
  ]);
});

it('limits of portals are told to a relay that comes back, and taken from those that it kept', async () => {
  const fake = await FakeRelay.start();
  fake.answers.set('limit', 'ok');
  fake.portals.set('a/kept', { protocol: 'tcp', address: '127.0.0.1', port: 80, lines: [] });
  const { relay } = await start(fake);
  await relay.open(request('a/kept'));
  await relay.open(request('a/limited', 5));
  expect(limitsAsked(fake)).toEqual(['limit a/kept connections=0', 'limit a/limited connections=5']);
  fake.drop();
  await eventually(() => expect(limitsAsked(fake).slice(2)).toEqual(['limit a/limited connections=5']));
});

it('limits are not kept by an older relay, which serves all the same: each kind is told once', async () => {
  const fake = await FakeRelay.start();
  fake.answers.set('limit', 'error UNKNOWN_VERB limit');
  fake.answers.set('configure connections', 'error SYNTAX KEY is none of udp-idle-ms, udp-sessions, files');
  const { relay, logger } = await start(fake, 100);
  await relay.open(request('a/one', 5));
  await relay.open(request('a/two', 5));
  expect(logger.messages('warn')).toEqual([
    'the relay is older than kube-splice: --max-connections is not kept',
    'the relay is older than kube-splice: limits of connections are not kept',
  ]);
  expect(relay.portals().size).toBe(2);
});

it('no limit of an older relay is worth a word where none is wanted', async () => {
  const fake = await FakeRelay.start();
  fake.answers.set('configure connections', 'error SYNTAX KEY is none of udp-idle-ms, udp-sessions, files');
  const { logger } = await start(fake);
  expect(logger.messages('warn')).toEqual([]);
});

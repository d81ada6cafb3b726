import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { NativeRelay } from '../../../src/relay/native/native-relay.js';
import { RelaySocket } from '../../../src/relay/native/relay-socket.js';
import { digestOf } from '../../support/byte-stream.js';
import { eventually } from '../../support/deadline.js';
import { FakeRelay } from '../../support/fake-relay.js';
import { NATIVE_RELAY_MISSING, startRelayProgram } from '../../support/native-relay-program.js';
import { nativeWebPortal } from '../../support/native-web-portal.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { RecordingObserver } from '../../support/recording-observer.js';
import { RelayPeer } from '../../support/relay-program.js';
import { handOver, readNothing, TcpEndpoint } from '../../support/tcp-endpoint.js';
import { tcpConnect } from '../../support/tcp-peer.js';

const TIMEOUT_MS = 800;
/**
 * The kernel takes it all, and the reader takes several timeouts to read it: 64 KiB at a time, which is Node's way. What is in
 * the reader's own kernel has moved already, and takes less than one.
 */
const SLOW_BYTES = 2_500_000;
const BETWEEN_READS_MS = 50;

describe.skipIf(NATIVE_RELAY_MISSING)(
  'half-closed connections of the native relay (skipped where it is not built)',
  () => {
    /** A client that has sent so much and finished, all of which waits in the kernel for the endpoint to read it. */
    const uploaded = async () => {
      const endpoint = await TcpEndpoint.listen(readNothing);
      const start = (socket: string) => startRelayProgram(socket);
      const portal = await nativeWebPortal(start, endpoint.endpoint, '127.0.0.1', TIMEOUT_MS);
      const { relay, port, observer } = portal;
      const client = await tcpConnect({ address: '127.0.0.1', port });
      await client.stream(1, SLOW_BYTES);
      client.finish();
      const served = await endpoint.accepted();
      await eventually(async () => {
        expect((await relay.counters()).get('default/web')).toMatchObject({ bytesIn: SLOW_BYTES });
      });
      return { relay, observer, client, served };
    };

    it('go on while a slow reader takes what the kernel holds, though nothing passes through the relay', async () => {
      const { relay, client, served } = await uploaded();
      const { socket } = served;
      socket.on('data', () => {
        socket.pause();
        setTimeout(() => socket.resume(), BETWEEN_READS_MS);
      });
      const begun = performance.now();
      served.startReading();
      expect(await served.digest(20_000)).toEqual(digestOf(1, SLOW_BYTES));
      expect(performance.now() - begun).toBeGreaterThan(2 * TIMEOUT_MS);
      socket.end('done');
      expect((await client.rest()).toString()).toBe('done');
      await eventually(async () => {
        expect((await relay.counters()).get('default/web')).toMatchObject({
          activeConnections: 0,
          halfClosedTimeouts: 0,
        });
      });
    });

    it('are reset where nobody reads what the kernel holds', async () => {
      const { observer, client } = await uploaded();
      expect(await client.ending()).toBe('reset');
      await eventually(() => {
        expect(observer.failures).toMatchObject([
          { reason: 'half-closed-timeout', detail: `${TIMEOUT_MS}ms` },
        ]);
      });
    });

    it('are given up by a relay that takes over, too, as it was asked of the one before', async () => {
      const endpoint = await TcpEndpoint.listen(handOver);
      let path = '';
      const { relay, port } = await nativeWebPortal((socket) => {
        path = socket;
        return startRelayProgram(socket);
      }, endpoint.endpoint);
      // Of no kube-splice: nobody tells the next relay.
      const peer = await RelayPeer.connect(path);
      await peer.lines(1);
      peer.send('1 hello 1\n2 configure half-closed-ms=400\n');
      expect(await peer.lines(2)).toEqual(['1 ok', '2 ok']);
      peer.end();
      const client = await tcpConnect({ address: '127.0.0.1', port });
      const served = await endpoint.accepted();
      client.finish();
      await served.rest();
      await startRelayProgram(path, '--take-over');
      await served.resetNoticed();
      expect(await client.ending()).toBe('reset');
      await eventually(async () => {
        expect((await relay.counters()).get('default/web')).toMatchObject({ halfClosedTimeouts: 1 });
      });
    });

    it('have no timeout where nobody has asked for one', async () => {
      const endpoint = await TcpEndpoint.listen(handOver);
      const { port } = await nativeWebPortal((socket) => startRelayProgram(socket), endpoint.endpoint);
      const client = await tcpConnect({ address: '127.0.0.1', port });
      client.finish();
      const served = await endpoint.accepted();
      await pause(2 * TIMEOUT_MS);
      await served.send('late');
      expect(await client.text(4)).toBe('late');
    });
  },
);

describe('the half-closed timeout of a native relay', () => {
  const start = async (fake: FakeRelay, halfClosedTimeoutMs: number) => {
    const logger = new RecordingLogger();
    const relay = await NativeRelay.start({
      source: new RelaySocket(fake.path),
      observer: new RecordingObserver(),
      logger,
      udpIdleTimeoutMs: 250,
      halfClosedTimeoutMs,
      maxUdpSessions: () => 10,
    });
    onTestFinished(() => relay.shutdown(0));
    return { relay, logger };
  };

  it.each([0, 3_600_000])('is told to the relay: %s', async (ms) => {
    const fake = await FakeRelay.start();
    const { logger } = await start(fake, ms);
    expect(fake.asked).toContain(`configure half-closed-ms=${ms}`);
    expect(logger.messages('warn')).toEqual([]);
  });

  it('is not had of an older relay, which serves all the same', async () => {
    const fake = await FakeRelay.start();
    const refusal = 'error SYNTAX KEY is none of udp-idle-ms, udp-sessions, files';
    fake.answers.set('configure half-closed-ms', refusal);
    const { relay, logger } = await start(fake, 60_000);
    expect(logger.messages('warn')).toEqual([
      'the relay is older than kube-splice: half-closed connections have no timeout',
    ]);
    expect(
      await relay.open({
        name: 'default/web',
        protocol: 'TCP',
        address: '127.0.0.1',
        port: 0,
        routing: { endpoints: [], sessionAffinity: { type: 'None' } },
      }),
    ).toMatchObject({ address: '127.0.0.1' });
  });
});

import { describe, expect, it, onTestFinished } from 'vitest';
import { NativeRelay } from '../../../src/relay/native/native-relay.js';
import { RelaySocket } from '../../../src/relay/native/relay-socket.js';
import { NATIVE_RELAY_MISSING } from '../../support/native-relay-program.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { RecordingObserver } from '../../support/recording-observer.js';
import { type RelayPeer, RelayProgram } from '../../support/relay-program.js';
import { greet, TcpEndpoint } from '../../support/tcp-endpoint.js';
import { tcpConnect } from '../../support/tcp-peer.js';

/** No service port has such a name. */
const FOREIGN = 'test';

/** A person's portal on the relay's own socket, whose endpoint is spelt as kube-splice never would. */
async function openForeign(peer: RelayPeer): Promise<number> {
  const request = `7 portal ${FOREIGN} tcp 127.0.0.1 0 affinity=none endpoints=1\n7 endpoint [0:0::0:1]:1\n`;
  const [opened = ''] = await peer.ask(7, request);
  return Number(opened.split(' ')[3]);
}

async function start(path: string) {
  const [observer, logger] = [new RecordingObserver(), new RecordingLogger()];
  const relay = await NativeRelay.start({
    source: new RelaySocket(path),
    observer,
    logger,
    udpIdleTimeoutMs: 250,
    maxUdpSessions: () => 10,
  });
  onTestFinished(() => relay.shutdown(0));
  return { relay, observer, logger };
}

/** An endpoint answers through a portal of this relay. */
async function expectServed(relay: NativeRelay): Promise<void> {
  const { endpoint } = await TcpEndpoint.listen(greet('g'));
  const { port } = await relay.open({
    name: 'default/web',
    protocol: 'TCP',
    address: '127.0.0.1',
    port: 0,
    routing: { endpoints: [endpoint], sessionAffinity: { type: 'None' } },
  });
  const client = await tcpConnect({ address: '127.0.0.1', port });
  expect(await client.text(1)).toBe('g');
  expect((await relay.counters()).get('default/web')).toMatchObject({ totalConnections: 1 });
}

describe.skipIf(NATIVE_RELAY_MISSING)(
  'a portal that a person opened on the relay (skipped where it is not built)',
  () => {
    it('is there for the proxier to close where kube-splice begins, as any that nobody asked for', async () => {
      const program = await RelayProgram.start();
      const peer = await program.peer();
      const port = await openForeign(peer);
      const { relay, logger } = await start(program.path);
      await expectServed(relay);
      const kept = [...relay.portals()].find(([name]) => String(name) === FOREIGN);
      expect(kept?.[1]).toEqual({ protocol: 'TCP', address: '127.0.0.1', port });
      if (kept !== undefined) await relay.close(kept[0]);
      expect((await peer.ask(9, '9 portals\n')).join()).not.toContain(FOREIGN);
      expect(logger.messages('error')).toEqual([]);
    });

    it('is nothing to kube-splice later: neither its counters nor its failures', async () => {
      const program = await RelayProgram.start();
      const { relay, observer, logger } = await start(program.path);
      const peer = await program.peer();
      await peer.ask(8, '8 events\n');
      const port = await openForeign(peer);
      await tcpConnect({ address: '127.0.0.1', port }).catch(() => undefined);
      expect((await peer.lines(1))[0]).toMatch(/^\* failure test tcp /);
      await expectServed(relay);
      expect(observer.failures).toEqual([]);
      expect(relay.portals().size).toBe(1);
      expect(logger.lines).toEqual([]);
    });
  },
);

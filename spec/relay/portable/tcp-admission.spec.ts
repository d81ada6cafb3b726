import { expect, it, onTestFinished } from 'vitest';
import { PortableRelay } from '../../../src/relay/portable/portable-relay.js';
import { eventually } from '../../support/deadline.js';
import { RecordingObserver } from '../../support/recording-observer.js';
import { greet, TcpEndpoint } from '../../support/tcp-endpoint.js';
import { type TcpPeer, tcpConnect } from '../../support/tcp-peer.js';

/** Of all portals together (docs/reliability.md). */
const WAITING_ROOM = 256;

it('who finds neither a place under a limit of connections nor one in the waiting room is reset, and counted for that', async () => {
  const endpoint = await TcpEndpoint.listen(greet('g'));
  const observer = new RecordingObserver();
  const relay = new PortableRelay({
    observer,
    maxConnections: 1,
    udpIdleTimeoutMs: 250,
    maxOpenFiles: 4_000,
    maxUdpSessions: 1,
  });
  onTestFinished(() => relay.shutdown(0));
  const routing = { endpoints: [endpoint.endpoint], sessionAffinity: { type: 'None' } } as const;
  const { address, port } = await relay.open({
    name: 'default/web',
    protocol: 'TCP',
    address: '127.0.0.1',
    port: 0,
    routing,
  });
  const connect = async (): Promise<TcpPeer> => tcpConnect({ address, port });
  const counters = async () => (await relay.counters()).get('default/web');
  const served = await connect();
  expect(await served.text(1)).toBe('g');
  for (let i = 0; i < WAITING_ROOM; i++) await connect();
  await eventually(async () => expect(await counters()).toMatchObject({ waitedForPlace: WAITING_ROOM }));
  const last = await connect();
  await eventually(() => expect(last.wasReset).toBe(true));
  expect(await counters()).toMatchObject({
    activeConnections: 1 + WAITING_ROOM,
    waitedForPlace: WAITING_ROOM,
    refusedForPlace: 1,
    refusedForFiles: 0,
  });
  expect(observer.failures).toMatchObject([{ reason: 'too-many-connections', final: true }]);
  expect(endpoint.connections).toBe(1);
});

import { describe, expect, it } from 'vitest';
import { systemErrorCode } from '../../src/model/errors.js';
import { blackHole } from '../support/black-hole.js';
import { eventually, within } from '../support/deadline.js';
import { openSockets } from '../support/open-sockets.js';
import { echo, handOver, TcpEndpoint } from '../support/tcp-endpoint.js';
import { echoDatagram, UdpEndpoint } from '../support/udp-endpoint.js';
import { type PortalUnderTest, RelayUnderTest, type StartEngine } from './contract-engine.js';

const LONG_GRACE_MS = 10_000;
const SHORT_GRACE_MS = 300;

/** A client that came through all the same goes again: the shutdown would wait for it. */
async function expectRefused(portal: PortalUnderTest): Promise<void> {
  const outcome = await portal.connect().then(
    ({ socket }) => {
      socket.destroy();
      return 'accepted';
    },
    (error: unknown) => systemErrorCode(error),
  );
  expect(outcome).toBe('ECONNREFUSED');
}

/** The end of an engine: no new clients, some time for the old ones, and then nothing is left. */
export function describeShutdown(start: StartEngine): void {
  describe('shutdown', () => {
    it('stops listening at once, and waits for an open connection to end', async () => {
      const endpoint = await TcpEndpoint.listen(echo);
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ endpoints: [endpoint.endpoint] });
      const client = await portal.connect();
      await client.send('before');
      expect(await client.text(6)).toBe('before');
      let over = false;
      const shutdown = relay.engine.shutdown(LONG_GRACE_MS).then(() => {
        over = true;
      });
      await eventually(() => expectRefused(portal));
      await client.send('meanwhile');
      expect(await client.text(9)).toBe('meanwhile');
      expect(over).toBe(false);
      client.socket.end('the end');
      expect((await client.rest()).toString()).toBe('the end');
      await within('the shutdown', shutdown);
    });

    it('resets both sides of what is still open when the grace is over', async () => {
      const endpoint = await TcpEndpoint.listen(handOver);
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ endpoints: [endpoint.endpoint] });
      const client = await portal.connect();
      const served = await endpoint.accepted();
      const since = performance.now();
      await Promise.all([
        relay.engine.shutdown(SHORT_GRACE_MS),
        client.ending().then((ending) => expect(ending).toBe('reset')),
        served.ending().then((ending) => expect(ending).toBe('reset')),
      ]);
      expect(performance.now() - since).toBeGreaterThan(SHORT_GRACE_MS - 50);
    });

    it('without grace resets everything at once', async () => {
      const endpoint = await TcpEndpoint.listen(handOver);
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ endpoints: [endpoint.endpoint] });
      const client = await portal.connect();
      const served = await endpoint.accepted();
      await within('the shutdown', relay.engine.shutdown(0));
      expect(await client.ending()).toBe('reset');
      expect(await served.ending()).toBe('reset');
    });

    it('reaches the connections of a portal that was closed before', async () => {
      const endpoint = await TcpEndpoint.listen(handOver);
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ endpoints: [endpoint.endpoint] });
      const client = await portal.connect();
      await endpoint.accepted();
      await portal.close();
      await within('the shutdown', relay.engine.shutdown(0));
      expect(await client.ending()).toBe('reset');
    });

    it('gives up a dial that is under way', async () => {
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ endpoints: [await blackHole()] });
      const client = await portal.connect();
      await within('the shutdown', relay.engine.shutdown(0));
      expect(await client.ending()).toBe('reset');
    });

    it('is not held up by UDP sessions for longer than the grace', async () => {
      const endpoint = await UdpEndpoint.bind(echoDatagram);
      const relay = await RelayUnderTest.start(start, { udpIdleTimeoutMs: 60_000 });
      const portal = await relay.open({ protocol: 'UDP', endpoints: [endpoint.endpoint] });
      await (await portal.udpClient()).ask('x');
      await within('the shutdown', relay.engine.shutdown(SHORT_GRACE_MS));
    });

    it('may be asked for again, during it and after it', async () => {
      const endpoint = await TcpEndpoint.listen(echo);
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ endpoints: [endpoint.endpoint] });
      await portal.connect();
      const asked = [relay.engine.shutdown(SHORT_GRACE_MS), relay.engine.shutdown(SHORT_GRACE_MS)];
      await within('both shutdowns', Promise.all(asked));
      await within('a late shutdown', relay.engine.shutdown(0));
      expect(relay.engine.portals().size).toBe(0);
    });

    it('ends sooner where it is asked again with less grace', async () => {
      const endpoint = await TcpEndpoint.listen(echo);
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ endpoints: [endpoint.endpoint] });
      const client = await portal.connect();
      const patient = relay.engine.shutdown(60_000);
      await relay.engine.shutdown(0);
      await within('the first shutdown', patient);
      expect(await client.ending()).toBe('reset');
    });

    it('shows its portals until it is over', async () => {
      const endpoint = await TcpEndpoint.listen(echo);
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ endpoints: [endpoint.endpoint] });
      await portal.connect();
      const over = relay.engine.shutdown(SHORT_GRACE_MS);
      expect([...relay.engine.portals().values()]).toMatchObject([{ port: portal.port }]);
      await within('the shutdown', over);
      expect(relay.engine.portals().size).toBe(0);
    });

    it('leaves no portal open that was being opened', async () => {
      const before = openSockets();
      const relay = await RelayUnderTest.start(start);
      const opening = (['TCP', 'UDP'] as const).map((protocol) =>
        relay.open({ protocol, name: `default/${protocol}`, endpoints: [] }),
      );
      const shutdown = relay.engine.shutdown(0);
      const outcomes = await Promise.allSettled(opening);
      await within('the shutdown', shutdown);
      expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
      expect(relay.engine.portals().size).toBe(0);
      await eventually(() => expect(openSockets()).toBe(before));
    });

    it('leaves nothing open: no listening socket, no connection, no session', async () => {
      const before = openSockets();
      const relay = await RelayUnderTest.start(start);
      const tcpEndpoint = await TcpEndpoint.listen(handOver);
      const udpEndpoint = await UdpEndpoint.bind(echoDatagram);
      const ours = 2;
      const tcp = await relay.open({ name: 'default/tcp', endpoints: [tcpEndpoint.endpoint] });
      const udp = await relay.open({
        name: 'default/udp',
        protocol: 'UDP',
        address: '0.0.0.0',
        endpoints: [udpEndpoint.endpoint],
      });
      const client = await tcp.connect();
      const served = await tcpEndpoint.accepted();
      const udpClient = await udp.udpClient();
      await udpClient.ask('x');
      await within('the shutdown', relay.engine.shutdown(0));
      await Promise.all([client.ending(), served.ending()]);
      await udpClient.close();
      await eventually(() => expect(openSockets()).toBe(before + ours));
    });
  });
}

import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Endpoint } from '../../src/model/endpoint.js';
import { eventually } from '../support/deadline.js';
import { mortalEndpoint } from '../support/mortal-endpoint.js';
import { echo, handOver, readNothing, TcpEndpoint } from '../support/tcp-endpoint.js';
import type { TcpPeer } from '../support/tcp-peer.js';
import { type PortalUnderTest, RelayUnderTest, type StartEngine } from './contract-engine.js';

/** More than the kernel's buffers of a whole connection hold. */
const MORE_THAN_BUFFERS = 200_000_000;
const STALLED_MS = 300;

interface Spliced {
  readonly relay: RelayUnderTest;
  readonly portal: PortalUnderTest;
  readonly endpoint: Endpoint;
  readonly client: TcpPeer;
  /** The same connection as the endpoint has it. */
  readonly served: TcpPeer;
}

/** A reset on one side is a reset on the other, at once, and nothing of the connection stays. */
export function describeReset(start: StartEngine): void {
  describe('reset', () => {
    const splice = async (behaviour = handOver, reading = true): Promise<Spliced> => {
      const listening = await TcpEndpoint.listen(behaviour);
      const { endpoint } = listening;
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ endpoints: [endpoint] });
      const client = await portal.connect({ reading });
      return { relay, portal, endpoint, client, served: await listening.accepted() };
    };
    const expectNothingOpen = ({ portal, endpoint }: Spliced): Promise<void> =>
      eventually(async () => {
        expect((await portal.counters()).activeConnections).toBe(0);
        expect(await portal.countersOf(endpoint)).toMatchObject({ connections: 0 });
      });

    it("carries the client's reset to the endpoint, and does not call it a failure", async () => {
      const spliced = await splice();
      const { relay, client, served } = spliced;
      await client.send('x');
      await served.receive(1);
      client.reset();
      expect(await served.ending()).toBe('reset');
      await expectNothingOpen(spliced);
      expect(relay.observer.failures).toEqual([]);
    });

    it("carries the endpoint's reset to the client, and says whose it was", async () => {
      const spliced = await splice();
      const { relay, portal, endpoint, client, served } = spliced;
      const { localPort } = client.socket;
      await client.send('x');
      await served.receive(1);
      served.reset();
      expect(await client.ending()).toBe('reset');
      await expectNothingOpen(spliced);
      await eventually(async () => {
        expect(relay.observer.failures).toMatchObject([
          {
            name: portal.name,
            protocol: 'TCP',
            client: { address: '127.0.0.1', port: localPort },
            endpoint,
            reason: 'endpoint-reset',
            final: true,
          },
        ]);
      });
    });

    it('delivers what the endpoint sent before its reset came', async () => {
      const { client, served } = await splice();
      await served.send('last words');
      expect(await client.text(10)).toBe('last words');
      served.reset();
      expect(await client.ending()).toBe('reset');
    });

    it('of the endpoint right behind its data is a reset all the same', async () => {
      const { client, served } = await splice();
      await client.send('x');
      await served.receive(1);
      served.socket.write('cut off in the mid');
      served.reset();
      expect(await client.ending()).toBe('reset');
    });

    it('of the client right behind its data is a reset all the same', async () => {
      const { client, served } = await splice();
      await client.send('x');
      await served.receive(1);
      client.socket.write('cut off in the mid');
      client.reset();
      expect(await served.ending()).toBe('reset');
    });

    it('reaches a client that is in the middle of sending', async () => {
      const spliced = await splice();
      const sending = spliced.client.stream(1, MORE_THAN_BUFFERS).catch(() => 'stopped');
      await spliced.served.receive(100_000);
      spliced.served.reset();
      expect(await spliced.client.ending()).toBe('reset');
      expect(await sending).toBe('stopped');
      await expectNothingOpen(spliced);
    });

    it('reaches an endpoint that is in the middle of sending', async () => {
      const spliced = await splice();
      const sending = spliced.served.stream(2, MORE_THAN_BUFFERS).catch(() => 'stopped');
      await spliced.client.receive(100_000);
      spliced.client.reset();
      expect(await spliced.served.ending()).toBe('reset');
      expect(await sending).toBe('stopped');
      await expectNothingOpen(spliced);
    });

    it('of the client passes after the client has sent its FIN', async () => {
      const spliced = await splice();
      const { client, served } = spliced;
      client.finish();
      await served.rest();
      client.reset();
      await served.resetNoticed();
      await expectNothingOpen(spliced);
    });

    it('of the endpoint passes after the endpoint has sent its FIN', async () => {
      const spliced = await splice();
      const { client, served } = spliced;
      served.finish();
      await client.rest();
      served.reset();
      await client.resetNoticed();
      await expectNothingOpen(spliced);
    });

    it('of the endpoint passes after the client has sent its FIN', async () => {
      const spliced = await splice();
      const { client, served } = spliced;
      client.finish();
      await served.rest();
      served.reset();
      expect(await client.ending()).toBe('reset');
      await expectNothingOpen(spliced);
    });

    it('of the client passes after the endpoint has sent its FIN', async () => {
      const spliced = await splice();
      const { client, served } = spliced;
      served.finish();
      await client.rest();
      client.reset();
      expect(await served.ending()).toBe('reset');
      await expectNothingOpen(spliced);
    });

    it('of a client that waits for an endpoint which does not read frees the connection', async () => {
      const spliced = await splice(readNothing);
      const sending = spliced.client.stream(3, MORE_THAN_BUFFERS).catch(() => {});
      await pause(STALLED_MS);
      spliced.client.reset();
      await sending;
      await expectNothingOpen(spliced);
      await spliced.served.resetNoticed();
    });

    it('of an endpoint that waits for a client which does not read frees the connection', async () => {
      const spliced = await splice(handOver, false);
      const sending = spliced.served.stream(4, MORE_THAN_BUFFERS).catch(() => {});
      await pause(STALLED_MS);
      spliced.served.reset();
      await sending;
      await expectNothingOpen(spliced);
      await spliced.client.resetNoticed();
    });
  });

  describe('a storm of clients that connect and reset at once', () => {
    it('leaves nothing behind', async () => {
      const endpoint = await TcpEndpoint.listen(echo);
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ endpoints: [endpoint.endpoint] });
      for (let round = 0; round < 5; round++) {
        const clients = await Promise.all(Array.from({ length: 50 }, () => portal.connect()));
        for (const client of clients) client.reset();
      }
      await eventually(async () => {
        expect((await portal.counters()).activeConnections).toBe(0);
        expect((await portal.countersOf(endpoint))?.connections).toBe(0);
        expect(endpoint.openConnections).toBe(0);
      });
      const client = await portal.connect();
      await client.send('business as usual');
      expect(await client.text(17)).toBe('business as usual');
    });
  });

  describe('an endpoint whose process is killed', () => {
    it('becomes a reset for its clients, and the relay goes on', async () => {
      const mortal = await mortalEndpoint();
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ endpoints: [mortal.endpoint] });
      const client = await portal.connect();
      expect(await client.text(5)).toBe('hello');
      // The endpoint reads the first piece only: what it has not read when it dies makes its kernel send a reset.
      await client.send('x');
      await pause(50);
      await client.send(Buffer.alloc(200_000));
      await mortal.kill();
      expect(await client.ending()).toBe('reset');
      const successor = await TcpEndpoint.listen(handOver);
      await portal.route([successor.endpoint]);
      await portal.connect();
      await successor.accepted();
      await eventually(async () => {
        expect(await portal.counters()).toMatchObject({ activeConnections: 1, totalConnections: 2 });
      });
    });

    it('resets a client that goes on sending, where it died with everything read', async () => {
      const mortal = await mortalEndpoint();
      const portal = await (await RelayUnderTest.start(start)).open({ endpoints: [mortal.endpoint] });
      const client = await portal.connect();
      expect(await client.text(5)).toBe('hello');
      await mortal.kill();
      await client.rest();
      client.socket.write('are you there?');
      await client.resetNoticed();
      await eventually(async () => expect(await portal.counters()).toMatchObject({ activeConnections: 0 }));
    });
  });
}

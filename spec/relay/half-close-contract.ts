import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { digestOf } from '../support/byte-stream.js';
import { eventually } from '../support/deadline.js';
import { handOver, readNothing, TcpEndpoint } from '../support/tcp-endpoint.js';
import type { TcpPeer } from '../support/tcp-peer.js';
import { type PortalUnderTest, RelayUnderTest, type StartEngine } from './contract-engine.js';

/** Long enough for a relay that gives a half-closed connection up to have done so. */
const LATER_MS = 400;
const IN_FLIGHT_BYTES = 4_000_000;

interface Spliced {
  readonly portal: PortalUnderTest;
  readonly client: TcpPeer;
  /** The same connection as the endpoint has it. */
  readonly served: TcpPeer;
}

/** A FIN on one side is a FIN on the other, behind the data, and the other direction goes on. */
export function describeHalfClose(start: StartEngine): void {
  describe('half-close', () => {
    const splice = async (behaviour = handOver, reading = true): Promise<Spliced> => {
      const endpoint = await TcpEndpoint.listen(behaviour);
      const portal = await (await RelayUnderTest.start(start)).open({ endpoints: [endpoint.endpoint] });
      const client = await portal.connect({ reading });
      return { portal, client, served: await endpoint.accepted() };
    };

    it("carries the client's FIN, and an answer that comes long after it", async () => {
      const { portal, client, served } = await splice();
      await client.send('question');
      client.finish();
      expect((await served.rest()).toString()).toBe('question');
      await pause(LATER_MS);
      await eventually(async () => {
        expect(await portal.counters()).toMatchObject({ activeConnections: 1 });
      });
      await served.send('late ');
      expect(await client.text(5)).toBe('late ');
      await served.send('answer');
      served.finish();
      expect((await client.rest()).toString()).toBe('answer');
      await eventually(async () => expect(await portal.counters()).toMatchObject({ activeConnections: 0 }));
    });

    it("carries the endpoint's FIN, and what the client sends long after it", async () => {
      const { portal, client, served } = await splice();
      await served.send('hello');
      served.finish();
      expect((await client.rest()).toString()).toBe('hello');
      await pause(LATER_MS);
      await eventually(async () => {
        expect(await portal.counters()).toMatchObject({ activeConnections: 1 });
      });
      await client.send('still ');
      expect(await served.text(6)).toBe('still ');
      await client.send('here');
      client.finish();
      expect((await served.rest()).toString()).toBe('here');
      await eventually(async () => expect(await portal.counters()).toMatchObject({ activeConnections: 0 }));
    });

    it("carries the client's FIN behind data that the endpoint has not read yet", async () => {
      const { client, served } = await splice(readNothing);
      const sent = client.stream(1, IN_FLIGHT_BYTES);
      await pause(LATER_MS);
      served.startReading();
      await sent;
      client.finish();
      expect(await served.digest()).toEqual(digestOf(1, IN_FLIGHT_BYTES));
    });

    it("carries the endpoint's FIN behind data that the client has not read yet", async () => {
      const { client, served } = await splice(handOver, false);
      const sent = served.stream(2, IN_FLIGHT_BYTES);
      await pause(LATER_MS);
      client.startReading();
      await sent;
      served.finish();
      expect(await client.digest()).toEqual(digestOf(2, IN_FLIGHT_BYTES));
    });

    it('carries a FIN that follows its data at once, with nothing read yet', async () => {
      const { client, served } = await splice(readNothing);
      client.socket.end('all there is');
      await pause(LATER_MS);
      served.startReading();
      expect((await served.rest()).toString()).toBe('all there is');
    });

    it('carries a FIN without any data, each way', async () => {
      const { portal, client, served } = await splice();
      client.finish();
      expect((await served.rest()).length).toBe(0);
      served.finish();
      expect((await client.rest()).length).toBe(0);
      await eventually(async () => expect(await portal.counters()).toMatchObject({ activeConnections: 0 }));
    });

    it('carries FINs that cross each other', async () => {
      const { portal, client, served } = await splice();
      client.socket.end('from the client');
      served.socket.end('from the endpoint');
      expect((await served.rest()).toString()).toBe('from the client');
      expect((await client.rest()).toString()).toBe('from the endpoint');
      await eventually(async () => expect(await portal.counters()).toMatchObject({ activeConnections: 0 }));
    });
  });
}

import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ByteStream, digestOf } from '../support/byte-stream.js';
import { echo, handOver, TcpEndpoint } from '../support/tcp-endpoint.js';
import type { TcpPeer } from '../support/tcp-peer.js';
import { RelayUnderTest, type StartEngine } from './contract-engine.js';

const CONNECTIONS = 2_000;
/** As many as a page of a browser or two, so that neither a backlog nor the files run out. */
const AT_ONCE = 40;
const PAUSE_MS = 30;
const BULK_BYTES = 20_000_000;

/** Content, whatever the rhythm: short and many, with pauses, with a reader that hardly reads. */
export function describeStreams(start: StartEngine): void {
  describe('a stream', () => {
    it(`is right in each of ${CONNECTIONS} short connections`, async () => {
      const endpoint = await TcpEndpoint.listen(echo);
      const portal = await (await RelayUnderTest.start(start)).open({ endpoints: [endpoint.endpoint] });
      const seeds = Array.from({ length: CONNECTIONS }, (_, seed) => seed + 1).values();
      const askOneAfterAnother = async (): Promise<void> => {
        for (const seed of seeds) {
          const length = 1 + ((seed * 977) % 9_000);
          const client = await portal.connect();
          await client.send(new ByteStream(seed).next(length));
          client.finish();
          expect(await client.digest()).toEqual(digestOf(seed, length));
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, askOneAfterAnother));
      expect(endpoint.connections).toBe(CONNECTIONS);
    }, 60_000);

    it('goes on after each pause, both ways', async () => {
      const { client, served } = await spliced(start);
      const lengths = [1, 70_000, 3, 1_500_000, 12, 65_536, 300_000];
      const [fromClient, fromEndpoint] = [new ByteStream(1), new ByteStream(2)];
      for (const length of lengths) {
        const [question, answer] = [fromClient.next(length), fromEndpoint.next(length)];
        const [received, returned] = await Promise.all([
          served.receive(length),
          client.receive(length),
          client.send(question),
          served.send(answer),
        ]);
        expect(received.equals(question)).toBe(true);
        expect(returned.equals(answer)).toBe(true);
        await pause(PAUSE_MS);
      }
    });

    it('arrives whole where the other side ends its own in the middle', async () => {
      const { client, served } = await spliced(start);
      const streaming = served.stream(3, BULK_BYTES).then(() => served.finish());
      await client.send('enough');
      client.finish();
      expect((await served.rest()).toString()).toBe('enough');
      expect(await client.digest(20_000)).toEqual(digestOf(3, BULK_BYTES));
      await streaming;
    });

    it('arrives whole at a reader that takes a byte now and then, and then all', async () => {
      const endpoint = await TcpEndpoint.listen(handOver);
      const portal = await (await RelayUnderTest.start(start)).open({ endpoints: [endpoint.endpoint] });
      const client = await portal.connect({ reading: false });
      const served = await endpoint.accepted();
      const streaming = served.stream(4, BULK_BYTES).then(() => served.finish());
      let taken = 0;
      while (taken < 20) {
        await pause(5);
        // What is read so is told as data, too, and kept with the rest.
        if (client.socket.read(1) !== null) taken += 1;
      }
      client.startReading();
      const rest = await client.rest();
      await streaming;
      expect(rest.equals(new ByteStream(4).next(BULK_BYTES))).toBe(true);
    });
  });
}

/** A connection as both of its ends have it. */
async function spliced(start: StartEngine): Promise<{ client: TcpPeer; served: TcpPeer }> {
  const endpoint = await TcpEndpoint.listen(handOver);
  const portal = await (await RelayUnderTest.start(start)).open({ endpoints: [endpoint.endpoint] });
  const client = await portal.connect();
  return { client, served: await endpoint.accepted() };
}

import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { digestOf } from '../support/byte-stream.js';
import { handOver, readNothing, TcpEndpoint } from '../support/tcp-endpoint.js';
import type { TcpPeer } from '../support/tcp-peer.js';
import { RelayUnderTest, type StartEngine } from './contract-engine.js';

const MEGABYTE = 1_000_000;
const OFFERED = 150 * MEGABYTE;
/** What the kernel's buffers of both sides and a relay's own may hold together; a relay that stores passes it at once. */
const BUFFERED_AT_MOST = 50 * MEGABYTE;
const MEMORY_GROWTH_AT_MOST = 64 * MEGABYTE;
const STILL_FOR_MS = 300;
const WATCH_INTERVAL_MS = 50;

/** A side that does not read stops the other from being read: memory stays flat, and nothing is lost. */
export function describeBackPressure(start: StartEngine): void {
  describe('a peer that never reads', () => {
    it('stops the client that sends to it, and only that one', async () => {
      const endpoint = await TcpEndpoint.listen(readNothing);
      const portal = await (await RelayUnderTest.start(start)).open({ endpoints: [endpoint.endpoint] });
      const writer = await portal.connect();
      const reader = await endpoint.accepted();
      const other = await portal.connect();
      const otherServed = await endpoint.accepted();
      otherServed.startReading();
      await expectBackPressure({ writer, reader, from: other, to: otherServed });
    });

    it('stops the endpoint that sends to it, and only that connection', async () => {
      const endpoint = await TcpEndpoint.listen(handOver);
      const portal = await (await RelayUnderTest.start(start)).open({ endpoints: [endpoint.endpoint] });
      const reader = await portal.connect({ reading: false });
      const writer = await endpoint.accepted();
      const other = await portal.connect();
      await expectBackPressure({ writer, reader, from: await endpoint.accepted(), to: other });
    });

    it('does not stop the other direction of its own connection', async () => {
      const endpoint = await TcpEndpoint.listen(readNothing);
      const portal = await (await RelayUnderTest.start(start)).open({ endpoints: [endpoint.endpoint] });
      const writer = await portal.connect();
      const deaf = await endpoint.accepted();
      const sent = writer.stream(1, OFFERED).catch(() => {});
      await stopsAt(writer);
      await deaf.send('I speak all the same');
      expect(await writer.text(20)).toBe('I speak all the same');
      deaf.reset();
      await sent;
    });
  });
}

interface Stalled {
  readonly writer: TcpPeer;
  /** Reads nothing yet of what the writer sends. */
  readonly reader: TcpPeer;
  /** Another connection through the same portal, in the same direction. */
  readonly from: TcpPeer;
  readonly to: TcpPeer;
}

async function expectBackPressure({ writer, reader, from, to }: Stalled): Promise<void> {
  const memoryBefore = process.memoryUsage.rss();
  const sent = writer.stream(1, OFFERED);
  const stoppedAt = await stopsAt(writer);
  expect(stoppedAt).toBeLessThan(BUFFERED_AT_MOST);
  expect(process.memoryUsage.rss() - memoryBefore).toBeLessThan(MEMORY_GROWTH_AT_MOST);

  await from.send('we go on');
  expect(await to.text(8)).toBe('we go on');
  expect(writer.bytesAccepted).toBe(stoppedAt);

  reader.startReading();
  const received = reader.digest(15_000);
  await sent;
  writer.finish();
  expect(await received).toEqual(digestOf(1, OFFERED));
}

/** How many bytes the writer's kernel had taken when it took no more. */
async function stopsAt(writer: TcpPeer): Promise<number> {
  let accepted = -1;
  for (let still = 0; still < STILL_FOR_MS; still += WATCH_INTERVAL_MS) {
    if (writer.bytesAccepted !== accepted) still = 0;
    accepted = writer.bytesAccepted;
    await pause(WATCH_INTERVAL_MS);
  }
  return accepted;
}

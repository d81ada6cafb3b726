import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { NO_TRAFFIC } from '../../src/relay/no-traffic.js';
import { ByteStream, digestOf } from '../support/byte-stream.js';
import { eventually } from '../support/deadline.js';
import { openFileLimit } from '../support/open-sockets.js';
import { echo, handOver, TcpEndpoint } from '../support/tcp-endpoint.js';
import type { TcpPeer } from '../support/tcp-peer.js';
import { RelayUnderTest, type StartEngine } from './contract-engine.js';

const MEGABYTE = 1_000_000;
const CONNECTIONS = 2_000;
/** Fewer than a listen backlog: more at once would only measure how the kernel repeats a SYN. */
const CONNECTING_AT_ONCE = 100;
/** Client, portal, relay and endpoint hold a socket each, and the process needs some files for itself. */
const FILES_FOR_CONNECTIONS = CONNECTIONS * 4 + 200;

/** Bytes of a TCP connection: what goes in on one side comes out on the other. */
export function describeTcp(start: StartEngine): void {
  describe('TCP', () => {
    it('carries bytes both ways', async () => {
      const endpoint = await TcpEndpoint.listen(handOver);
      const portal = await (await RelayUnderTest.start(start)).open({ endpoints: [endpoint.endpoint] });
      const client = await portal.connect();
      await client.send('question');
      const served = await endpoint.accepted();
      expect(await served.text(8)).toBe('question');
      await served.send('answer');
      expect(await client.text(6)).toBe('answer');
      await client.send('another question');
      expect(await served.text(16)).toBe('another question');
    });

    it('lets the endpoint speak first', async () => {
      const endpoint = await TcpEndpoint.listen(handOver);
      const portal = await (await RelayUnderTest.start(start)).open({ endpoints: [endpoint.endpoint] });
      const client = await portal.connect();
      await (await endpoint.accepted()).send('220 ready');
      expect(await client.text(9)).toBe('220 ready');
    });

    it('carries what is sent one byte at a time, both ways at once', async () => {
      const endpoint = await TcpEndpoint.listen(handOver);
      const portal = await (await RelayUnderTest.start(start)).open({ endpoints: [endpoint.endpoint] });
      const client = await portal.connect();
      const served = await endpoint.accepted();
      await Promise.all([sendByteByByte(client, 1, 2_000), sendByteByByte(served, 2, 2_000)]);
      expect((await served.rest()).equals(new ByteStream(1).next(2_000))).toBe(true);
      expect((await client.rest()).equals(new ByteStream(2).next(2_000))).toBe(true);
    });

    it('carries 100 MB each way at the same time, unchanged and in order', async () => {
      const endpoint = await TcpEndpoint.listen(handOver);
      const portal = await (await RelayUnderTest.start(start)).open({ endpoints: [endpoint.endpoint] });
      const client = await portal.connect();
      const served = await endpoint.accepted();
      const length = 100 * MEGABYTE;
      const send = async (peer: TcpPeer, seed: number): Promise<void> => {
        await peer.stream(seed, length);
        peer.finish();
      };
      const [, , uploaded, downloaded] = await Promise.all([
        send(client, 3),
        send(served, 4),
        served.digest(15_000),
        client.digest(15_000),
      ]);
      expect(uploaded).toEqual(digestOf(3, length));
      expect(downloaded).toEqual(digestOf(4, length));
      await eventually(async () => {
        expect(await portal.counters()).toMatchObject({ bytesIn: length, bytesOut: length });
      });
    });

    it.skipIf(openFileLimit() < FILES_FOR_CONNECTIONS)(
      `holds ${CONNECTIONS} connections open at once (needs ${FILES_FOR_CONNECTIONS} open files)`,
      async () => {
        const endpoint = await TcpEndpoint.listen(echo);
        const portal = await (await RelayUnderTest.start(start)).open({ endpoints: [endpoint.endpoint] });
        const clients: TcpPeer[] = [];
        while (clients.length < CONNECTIONS) {
          const some = Array.from({ length: CONNECTING_AT_ONCE }, () => portal.connect());
          clients.push(...(await Promise.all(some)));
          // The endpoint is of this process: it has to come to accepting them, or its queue is full for whoever is next.
          await eventually(async () => {
            const { endpoints } = await portal.counters();
            expect(endpoints.get(endpoint.key)?.connections).toBe(clients.length);
          });
        }
        await Promise.all(clients.map((client, index) => client.send(messageOf(index))));
        const answers = await Promise.all(clients.map((client) => client.text(4)));
        expect(answers).toEqual(clients.map((_, index) => messageOf(index)));
        const { key } = endpoint;
        expect(await portal.counters()).toMatchObject({
          activeConnections: CONNECTIONS,
          totalConnections: CONNECTIONS,
          endpoints: new Map([[key, { connections: CONNECTIONS, totalConnections: CONNECTIONS }]]),
        });
        for (const client of clients) client.finish();
        await Promise.all(clients.map((client) => client.rest()));
        await eventually(async () => {
          expect(await portal.counters()).toMatchObject({
            activeConnections: 0,
            totalConnections: CONNECTIONS,
            endpoints: new Map([[key, { connections: 0, totalConnections: CONNECTIONS }]]),
          });
        });
      },
    );

    it('counts connections and payload bytes exactly', async () => {
      const endpoint = await TcpEndpoint.listen(handOver);
      const portal = await (await RelayUnderTest.start(start)).open({ endpoints: [endpoint.endpoint] });
      const client = await portal.connect();
      const served = await endpoint.accepted();
      await client.stream(5, 123_457);
      await served.stream(6, 76_543);
      await Promise.all([served.receive(123_457), client.receive(76_543)]);
      await eventually(async () => {
        expect(await portal.counters()).toEqual({
          ...NO_TRAFFIC,
          activeConnections: 1,
          totalConnections: 1,
          bytesIn: 123_457,
          bytesOut: 76_543,
          dialTimes: expect.objectContaining({ counts: expect.any(Array) }),
          endpoints: new Map([[endpoint.key, { connections: 1, totalConnections: 1 }]]),
        });
      });
    });

    it('keeps the counts of portals apart', async () => {
      const endpoint = await TcpEndpoint.listen(echo);
      const relay = await RelayUnderTest.start(start);
      const busy = await relay.open({ name: 'default/busy', endpoints: [endpoint.endpoint] });
      const idle = await relay.open({ name: 'default/idle', endpoints: [endpoint.endpoint] });
      const client = await busy.connect();
      await client.send('1');
      await client.text(1);
      expect(await busy.counters()).toMatchObject({ activeConnections: 1, totalConnections: 1 });
      expect(await idle.counters()).toMatchObject({ activeConnections: 0, totalConnections: 0, bytesIn: 0 });
    });
  });
}

async function sendByteByByte(peer: TcpPeer, seed: number, length: number): Promise<void> {
  const bytes = new ByteStream(seed);
  for (let sent = 0; sent < length; sent++) {
    peer.socket.write(bytes.next(1));
    await nextTurn();
  }
  peer.finish();
}

/** Four letters, another four for each connection. */
function messageOf(index: number): string {
  return String(index).padStart(4, '0');
}

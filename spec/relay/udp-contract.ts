import { describe, expect, it } from 'vitest';
import type { SessionAffinity } from '../../src/model/service-port.js';
import { NO_TRAFFIC } from '../../src/relay/no-traffic.js';
import { ByteStream } from '../support/byte-stream.js';
import { eventually } from '../support/deadline.js';
import { hasIPv6, otherAddress } from '../support/host-addresses.js';
import { echoDatagram, silent, UdpEndpoint } from '../support/udp-endpoint.js';
import { type PortalUnderTest, RelayUnderTest, type StartEngine } from './contract-engine.js';

const CLIENT_IP: SessionAffinity = { type: 'ClientIP', timeoutSeconds: 60 };
/** Nothing, the least, a full Ethernet frame, a jumbo frame, and the most that IPv4 carries. */
const SIZES = [0, 1, 1_472, 9_000, 65_507];

/** More than IPv4 carries; IPv6 does, with its header outside of the datagram's length (RFC 8200, 4.5). */
const TOO_LARGE_FOR_IPV4 = 65_520;

/** Datagrams: each arrives whole, on the session of its client, and is answered from where it was sent to. */
export function describeUdp(start: StartEngine): void {
  describe('UDP', () => {
    const open = async (...endpoints: UdpEndpoint[]): Promise<PortalUnderTest> =>
      (await RelayUnderTest.start(start)).open({
        protocol: 'UDP',
        endpoints: endpoints.map(({ endpoint }) => endpoint),
      });

    it('carries datagrams both ways', async () => {
      const endpoint = await UdpEndpoint.bind((payload) => `you said ${payload.toString()}`);
      const client = await (await open(endpoint)).udpClient();
      expect(await client.ask('one')).toBe('you said one');
      expect(await client.ask('two')).toBe('you said two');
    });

    it.each(SIZES)('carries a datagram of %d bytes each way, whole', async (size) => {
      const [question, answer] = [new ByteStream(1).next(size), new ByteStream(2).next(size)];
      const endpoint = await UdpEndpoint.bind(() => answer);
      const client = await (await open(endpoint)).udpClient();
      await client.send(question);
      expect((await client.receive()).equals(answer)).toBe(true);
      expect(endpoint.received.map(({ payload }) => payload.equals(question))).toEqual([true]);
    });

    it('keeps the boundaries and the order of datagrams', async () => {
      const endpoint = await UdpEndpoint.bind(echoDatagram);
      const client = await (await open(endpoint)).udpClient();
      const payloads = Array.from({ length: 20 }, (_, index) => 'x'.repeat(index) + index);
      for (const payload of payloads) await client.send(payload);
      const answers: string[] = [];
      while (answers.length < payloads.length) answers.push((await client.receive()).toString());
      expect(answers).toEqual(payloads);
    });

    it('carries several answers to one datagram, and one that nobody asked for', async () => {
      const endpoint = await UdpEndpoint.bind(silent);
      const client = await (await open(endpoint)).udpClient();
      await client.send('subscribe');
      await eventually(() => expect(endpoint.received.length).toBe(1));
      for (const news of ['a', 'b', 'c']) {
        endpoint.sendToLastSource(news);
        expect((await client.receive()).toString()).toBe(news);
      }
    });

    it('has one session for each client address, which the endpoint sees as one source', async () => {
      const endpoint = await UdpEndpoint.bind(echoDatagram);
      const portal = await open(endpoint);
      const clients = [await portal.udpClient(), await portal.udpClient(), await portal.udpClient()];
      for (let round = 0; round < 3; round++) {
        for (const client of clients) await client.ask('x');
      }
      expect(endpoint.sources.size).toBe(3);
      await eventually(async () => {
        expect(await portal.counters()).toMatchObject({
          udpSessions: 3,
          totalUdpSessions: 3,
          endpoints: new Map([[endpoint.key, { connections: 3, totalConnections: 3 }]]),
        });
      });
    });

    it('counts payload bytes exactly', async () => {
      const endpoint = await UdpEndpoint.bind(() => 'four');
      const portal = await open(endpoint);
      const client = await portal.udpClient();
      await client.ask('sixsix');
      await client.ask('sixsix');
      await eventually(async () => {
        expect(await portal.counters()).toEqual({
          ...NO_TRAFFIC,
          bytesIn: 12,
          bytesOut: 8,
          udpSessions: 1,
          totalUdpSessions: 1,
          // figures-contract.ts has these.
          datagramsIn: expect.any(Number),
          datagramsOut: expect.any(Number),
          endpoints: new Map([[endpoint.key, { connections: 1, totalConnections: 1 }]]),
        });
      });
    });

    it('takes the endpoints of sessions in rotation', async () => {
      const endpoints = await namedEndpoints('abc');
      const portal = await open(...endpoints);
      const served: string[] = [];
      while (served.length < 9) served.push(await (await portal.udpClient()).ask('who?'));
      expect(new Set(served.slice(0, 3))).toEqual(new Set('abc'));
      expect(served).toEqual(served.map((_, index) => served[index % 3]));
    });

    it('keeps the sessions of one client IP on one endpoint where affinity says so', async () => {
      const endpoints = (await namedEndpoints('ab')).map(({ endpoint }) => endpoint);
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ protocol: 'UDP', endpoints, sessionAffinity: CLIENT_IP });
      const ask = async (localAddress: string): Promise<string> =>
        (await portal.udpClient({ localAddress })).ask('who?');
      const [one, another] = [await ask('127.0.0.1'), await ask('127.0.0.2')];
      expect(one).not.toBe(another);
      expect([await ask('127.0.0.1'), await ask('127.0.0.1')]).toEqual([one, one]);
      expect([await ask('127.0.0.2'), await ask('127.0.0.2')]).toEqual([another, another]);
    });

    it('drops what comes while there are no endpoints, counts it and says why', async () => {
      const endpoint = await UdpEndpoint.bind(echoDatagram);
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ protocol: 'UDP', endpoints: [] });
      const client = await portal.udpClient();
      await client.send('to nobody');
      await eventually(async () => {
        expect(await portal.counters()).toMatchObject({ noEndpoints: 1, udpSessions: 0, bytesIn: 0 });
      });
      await eventually(() => expect(relay.observer.failures).toHaveLength(1));
      const [failure] = relay.observer.failures;
      expect(failure).toMatchObject({
        name: portal.name,
        protocol: 'UDP',
        client: { address: '127.0.0.1', port: client.localPort },
        reason: 'no-endpoints',
        final: true,
      });
      await portal.route([endpoint.endpoint]);
      expect(await client.ask('to somebody')).toBe('to somebody');
    });
  });

  describe('a datagram that the other side cannot carry', () => {
    it.runIf(hasIPv6)(
      'is dropped where it is an answer, and its session goes on (skipped without ::1)',
      async () => {
        const endpoint = await UdpEndpoint.bind(
          (payload) => (payload.toString() === 'shout' ? Buffer.alloc(TOO_LARGE_FOR_IPV4) : payload),
          '::1',
        );
        const relay = await RelayUnderTest.start(start);
        const portal = await relay.open({ protocol: 'UDP', endpoints: [endpoint.endpoint] });
        const client = await portal.udpClient();
        await client.send('shout');
        await eventually(async () => expect((await portal.counters()).droppedDatagrams).toBe(1));
        expect(await client.ask('talk')).toBe('talk');
        expect(await portal.counters()).toMatchObject({ udpSessions: 1, totalUdpSessions: 1, bytesOut: 4 });
        await portal.close();
      },
    );

    it.runIf(hasIPv6)(
      'is dropped where it is a question, and its session goes on (skipped without ::1)',
      async () => {
        const endpoint = await UdpEndpoint.bind(echoDatagram);
        const relay = await RelayUnderTest.start(start);
        const portal = await relay.open({ protocol: 'UDP', address: '::1', endpoints: [endpoint.endpoint] });
        const client = await portal.udpClient({ address: '::1' });
        await client.send(Buffer.alloc(TOO_LARGE_FOR_IPV4));
        await eventually(async () => expect((await portal.counters()).droppedDatagrams).toBe(1));
        expect(await client.ask('talk')).toBe('talk');
        expect(await portal.counters()).toMatchObject({ udpSessions: 1, totalUdpSessions: 1, bytesIn: 4 });
      },
    );
  });

  describe('an answer of a portal on 0.0.0.0', () => {
    const openEverywhere = async (): Promise<PortalUnderTest> => {
      const endpoint = await UdpEndpoint.bind(echoDatagram);
      const relay = await RelayUnderTest.start(start);
      return relay.open({ protocol: 'UDP', address: '0.0.0.0', endpoints: [endpoint.endpoint] });
    };

    // Each client is connected: the kernel gives it only what comes from the address that it sent to.
    it('comes from loopback where the client sent to loopback', async () => {
      const client = await (await openEverywhere()).udpClient({ address: '127.0.0.1' });
      expect(await client.ask('x')).toBe('x');
    });

    it.skipIf(otherAddress === undefined)(
      'comes from the address of this host that the client sent to (skipped where it has none but loopback)',
      async () => {
        const client = await (await openEverywhere()).udpClient({ address: otherAddress ?? '' });
        expect(await client.ask('x')).toBe('x');
      },
    );

    it.skipIf(otherAddress === undefined)(
      'comes from that address also where the way back would begin at another (skipped where there is none)',
      async () => {
        const dial = { address: otherAddress ?? '', localAddress: '127.0.0.1' };
        const client = await (await openEverywhere()).udpClient(dial);
        expect(await client.ask('x')).toBe('x');
      },
    );

    it.skipIf(otherAddress === undefined)(
      'goes to the same session only where the client sent to the same address (skipped where there is none)',
      async () => {
        const portal = await openEverywhere();
        const one = await portal.udpClient({ address: '127.0.0.1' });
        const other = await portal.udpClient({ address: otherAddress ?? '' });
        for (const text of ['1', '2', '3']) {
          expect(await one.ask(`one ${text}`)).toBe(`one ${text}`);
          expect(await other.ask(`other ${text}`)).toBe(`other ${text}`);
        }
      },
    );
  });
}

/** An endpoint for each letter, that answers it. */
function namedEndpoints(names: string): Promise<UdpEndpoint[]> {
  return Promise.all([...names].map((name) => UdpEndpoint.bind(() => name)));
}

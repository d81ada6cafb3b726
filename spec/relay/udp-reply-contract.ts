import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/deadline.js';
import { otherAddress } from '../support/host-addresses.js';
import { echoDatagram, silent, UdpEndpoint } from '../support/udp-endpoint.js';
import { type PortalUnderTest, RelayUnderTest, type StartEngine } from './contract-engine.js';

/** An idle session ends so soon that none is left after `LATE_MS`. */
const IDLE_TIMEOUT_MS = 100;
const LATE_MS = 1_000;
/** So long that a session of which it is true is not taken for one that is idle for too long. */
const REPLY_TIMEOUT_MS = 20_000;
const SHORT_REPLY_TIMEOUT_MS = 1_500;
/** A clock that counts whole milliseconds may be one early. */
const CLOCK_MS = 2;

/** How long a session waits for what its endpoint owes. */
export function describeUdpReplies(start: StartEngine): void {
  const open = async (
    endpoint: UdpEndpoint,
    options: { udpIdleTimeoutMs?: number; udpReplyTimeoutMs?: number; maxUdpSessions?: number } = {},
    address?: string,
  ): Promise<PortalUnderTest> => {
    const timeouts = { udpIdleTimeoutMs: IDLE_TIMEOUT_MS, udpReplyTimeoutMs: REPLY_TIMEOUT_MS };
    const relay = await RelayUnderTest.start(start, { ...timeouts, ...options });
    const to = { protocol: 'UDP', endpoints: [endpoint.endpoint] } as const;
    return relay.open(address === undefined ? to : { ...to, address });
  };
  const hasSessions = (portal: PortalUnderTest, udpSessions: number, ms?: number): Promise<void> =>
    eventually(async () => expect(await portal.counters()).toMatchObject({ udpSessions }), ms);
  const hears = (endpoint: UdpEndpoint, datagrams: number): Promise<void> =>
    eventually(() => expect(endpoint.received.length).toBe(datagrams));

  describe('a UDP answer that is owed', () => {
    it('arrives after the idle timeout, on the session that asked; then that timeout counts again', async () => {
      const endpoint = await UdpEndpoint.bind(silent);
      const portal = await open(endpoint);
      const client = await portal.udpClient();
      for (let asked = 1; asked <= 2; asked++) {
        await client.send('question');
        await hears(endpoint, asked);
        await pause(LATE_MS);
        expect(await portal.counters()).toMatchObject({ udpSessions: 1, totalUdpSessions: asked });
        endpoint.sendToLastSource(`answer ${asked}`);
        expect((await client.receive()).toString()).toBe(`answer ${asked}`);
        // Well before the answer would have been overdue.
        await hasSessions(portal, 0);
      }
      expect(await portal.counters()).toMatchObject({
        totalUdpSessions: 2,
        evictedUdpSessions: 0,
        droppedDatagrams: 0,
        dialFailures: 0,
        bytesIn: 2 * 'question'.length,
        bytesOut: 2 * 'answer 1'.length,
        endpoints: new Map([[endpoint.key, { connections: 0, totalConnections: 2 }]]),
      });
    });

    it.skipIf(otherAddress === undefined)(
      'comes from the address of this host that was asked (skipped where it has none but loopback)',
      async () => {
        const endpoint = await UdpEndpoint.bind(silent);
        const portal = await open(endpoint, {}, '0.0.0.0');
        const client = await portal.udpClient({ address: otherAddress ?? '', localAddress: '127.0.0.1' });
        await client.send('question');
        await hears(endpoint, 1);
        await pause(LATE_MS);
        endpoint.sendToLastSource('answer');
        expect((await client.receive()).toString()).toBe('answer');
      },
    );

    it('does not arrive once it is overdue: the session is gone, no sooner than it may', async () => {
      const endpoint = await UdpEndpoint.bind(silent);
      const portal = await open(endpoint, { udpReplyTimeoutMs: SHORT_REPLY_TIMEOUT_MS });
      const client = await portal.udpClient();
      const asked = performance.now();
      await client.send('question');
      await hears(endpoint, 1);
      await eventually(async () => {
        expect(await portal.counters()).toMatchObject({ udpSessions: 0, totalUdpSessions: 1 });
      });
      expect(performance.now() - asked).toBeGreaterThanOrEqual(SHORT_REPLY_TIMEOUT_MS - CLOCK_MS);
      expect((await portal.countersOf(endpoint))?.connections).toBe(0);
      endpoint.sendToLastSource('too late');
      await client.send('another question');
      await hears(endpoint, 2);
      expect(endpoint.sources.size).toBe(2);
      endpoint.sendToLastSource('in time');
      expect((await client.receive()).toString()).toBe('in time');
      expect(await portal.counters()).toMatchObject({ totalUdpSessions: 2, bytesOut: 'in time'.length });
    });

    it('is waited for anew with a second question', async () => {
      const replyMs = 2_000;
      const endpoint = await UdpEndpoint.bind(silent);
      const portal = await open(endpoint, { udpReplyTimeoutMs: replyMs });
      const client = await portal.udpClient();
      await client.send('question');
      await pause(replyMs * 0.6);
      await client.send('question, again');
      await pause(replyMs * 0.6);
      expect(await portal.counters()).toMatchObject({ udpSessions: 1, totalUdpSessions: 1 });
      expect(endpoint.sources.size).toBe(1);
      endpoint.sendToLastSource('answer');
      expect((await client.receive()).toString()).toBe('answer');
    });

    it('is still owed where another question of the same client has had its answer', async () => {
      const endpoint = await UdpEndpoint.bind((payload) => (payload.toString() === 'A' ? 'one' : undefined));
      const portal = await open(endpoint);
      const client = await portal.udpClient();
      // As a resolver does: both in one go, and of one socket.
      await Promise.all([client.send('A'), client.send('AAAA')]);
      expect((await client.receive()).toString()).toBe('one');
      await hears(endpoint, 2);
      await pause(LATE_MS);
      endpoint.sendToLastSource('other');
      expect((await client.receive()).toString()).toBe('other');
      expect(endpoint.sources.size).toBe(1);
      await hasSessions(portal, 0);
    });

    it('is not waited for less long than any other session lives', async () => {
      const endpoint = await UdpEndpoint.bind(silent);
      const portal = await open(endpoint, { udpIdleTimeoutMs: REPLY_TIMEOUT_MS, udpReplyTimeoutMs: 1 });
      await (await portal.udpClient()).send('question');
      await hears(endpoint, 1);
      await pause(LATE_MS);
      expect(await portal.counters()).toMatchObject({ udpSessions: 1 });
    });

    it('does not keep the sessions of others: those end before it', async () => {
      const endpoint = await UdpEndpoint.bind((payload) =>
        payload.toString() === 'slow' ? undefined : payload,
      );
      const portal = await open(endpoint);
      await (await portal.udpClient()).send('slow');
      await hears(endpoint, 1);
      for (let others = 0; others < 5; others++)
        expect(await (await portal.udpClient()).ask('fast')).toBe('fast');
      await hasSessions(portal, 1);
      expect(await portal.counters()).toMatchObject({ totalUdpSessions: 6, evictedUdpSessions: 0 });
    });

    it('does not spare its session where the table is full', async () => {
      const endpoint = await UdpEndpoint.bind((payload) =>
        payload.toString() === 'slow' ? undefined : payload,
      );
      const portal = await open(endpoint, { udpIdleTimeoutMs: REPLY_TIMEOUT_MS, maxUdpSessions: 2 });
      const slow = await portal.udpClient();
      await slow.send('slow');
      await hears(endpoint, 1);
      const [first] = endpoint.sources;
      for (let others = 0; others < 2; others++) {
        await pause(IDLE_TIMEOUT_MS);
        await (await portal.udpClient()).ask('fast');
      }
      await eventually(async () => {
        expect(await portal.counters()).toMatchObject({ udpSessions: 2, evictedUdpSessions: 1 });
      });
      endpoint.send('to nobody', first ?? 0);
      expect(await slow.ask('again')).toBe('again');
      expect(endpoint.received.at(-1)?.port).not.toBe(first);
    });

    it('is owed no longer by an endpoint that refuses', async () => {
      const refusing = await UdpEndpoint.bind(silent);
      const portal = await open(refusing);
      const client = await portal.udpClient();
      await refusing.refuse();
      await client.send('refused');
      await eventually(async () => expect(await portal.counters()).toMatchObject({ dialFailures: 1 }));
      const echo = await UdpEndpoint.bind(echoDatagram);
      await portal.route([echo.endpoint]);
      expect(await client.ask('question')).toBe('question');
      await hasSessions(portal, 0);
    });
  });
}

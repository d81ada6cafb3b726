import { describe, expect, it } from 'vitest';
import type { RelaySettings } from '../../src/relay/engine.js';
import { eventually } from '../support/deadline.js';
import { greet, handOver, TcpEndpoint } from '../support/tcp-endpoint.js';
import { echoDatagram, silent, UdpEndpoint } from '../support/udp-endpoint.js';
import { RelayUnderTest, type StartEngine } from './contract-engine.js';

const LONG: RelaySettings = {
  udpIdleTimeoutMs: 600_000,
  udpReplyTimeoutMs: 600_000,
  halfClosedTimeoutMs: 600_000,
  maxConnections: 0,
};
const SHORT_MS = 100;

/** What holds for all portals may be another while they serve: no connection is lost by that. */
export function describeSettings(start: StartEngine): void {
  describe('settings that are others than at the start', () => {
    it.each([
      ['answered', { udpIdleTimeoutMs: SHORT_MS, udpReplyTimeoutMs: 600_000 }, echoDatagram],
      ['unanswered', { udpIdleTimeoutMs: SHORT_MS, udpReplyTimeoutMs: SHORT_MS }, silent],
    ] as const)('end a UDP session that is %s sooner, and the next ones', async (_, timeouts, behaviour) => {
      const endpoint = await UdpEndpoint.bind(behaviour);
      const { engine, under } = await withRelay(start);
      const portal = await under.open({ protocol: 'UDP', endpoints: [endpoint.endpoint] });
      const client = await portal.udpClient();
      const sessions = async () => (await portal.counters()).udpSessions;
      await client.send('x');
      await eventually(async () => expect(await sessions()).toBe(1));
      await engine.configure({ ...LONG, ...timeouts });
      // One that is there may wait for a look at it; this one has it.
      await client.send('y');
      await eventually(async () => expect(await sessions()).toBe(0));
      expect(await portal.counters()).toMatchObject({ totalUdpSessions: 1 });
      await client.send('z');
      await eventually(async () => expect(await portal.counters()).toMatchObject({ totalUdpSessions: 2 }));
      await eventually(async () => expect(await sessions()).toBe(0));
    });

    it('reset a connection of which one side has finished sooner, one that is open already and one that is not', async () => {
      const endpoint = await TcpEndpoint.listen(handOver);
      const { engine, under } = await withRelay(start);
      const portal = await under.open({ endpoints: [endpoint.endpoint] });
      const [before, after] = [await portal.connect(), await portal.connect()];
      for (const client of [before, after]) await client.send('hello');
      before.finish();
      await (await endpoint.accepted()).text(5);
      await engine.configure({ ...LONG, halfClosedTimeoutMs: SHORT_MS });
      after.finish();
      await eventually(async () => expect(await portal.counters()).toMatchObject({ halfClosedTimeouts: 2 }));
    });

    it('let in who waits for a place when there are more, and keep who is there when there are fewer', async () => {
      const endpoint = await TcpEndpoint.listen(greet('g'));
      const { engine, under } = await withRelay(start, { maxConnections: 1 });
      const portal = await under.open({ endpoints: [endpoint.endpoint] });
      const [first, second, third] = [await portal.connect(), await portal.connect(), await portal.connect()];
      const served = () => [first, second, third].filter(({ bytesReceived }) => bytesReceived > 0);
      await eventually(() => expect(served()).toEqual([first]));
      await engine.configure({ ...LONG, maxConnections: 2 });
      await eventually(() => expect(served()).toEqual([first, second]));
      await engine.configure({ ...LONG, maxConnections: 1 });
      first.finish();
      await first.rest();
      await eventually(async () => expect((await portal.countersOf(endpoint))?.connections).toBe(1));
      expect(served()).toEqual([first, second]);
      expect(second.wasReset).toBe(false);
      second.finish();
      await second.rest();
      await eventually(() => expect(served()).toEqual([first, second, third]));
    });
  });
}

async function withRelay(start: StartEngine, options: { readonly maxConnections?: number } = {}) {
  const { maxConnections: _, ...timeouts } = LONG;
  const under = await RelayUnderTest.start(start, { ...timeouts, ...options });
  return { engine: under.engine, under };
}

import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/deadline.js';
import { handOver, TcpEndpoint } from '../support/tcp-endpoint.js';
import type { TcpPeer } from '../support/tcp-peer.js';
import { RelayUnderTest, type StartEngine } from './contract-engine.js';

const TIMEOUT_MS = 400;
/** A relay notes the time in whole ms, and may have noted it a little before the FIN came. */
const EARLY_MS = 20;
/** Well within the timeout, and so many that they take several. */
const SLOW_MS = 150;
const SLOW_BYTES = 12;

/** One side has finished: the other may take as long as it likes, as long as it does something. */
export function describeHalfClosedTimeout(start: StartEngine): void {
  describe('the half-closed timeout', () => {
    const splice = async (halfClosedTimeoutMs = TIMEOUT_MS) => {
      const endpoint = await TcpEndpoint.listen(handOver);
      const relay = await RelayUnderTest.start(start, { halfClosedTimeoutMs });
      const portal = await relay.open({ endpoints: [endpoint.endpoint] });
      const client = await portal.connect();
      await client.send('hello');
      const served = await endpoint.accepted();
      await served.text(5);
      return { relay, portal, endpoint, client, served };
    };
    type Spliced = Awaited<ReturnType<typeof splice>>;

    const expectReset = async ({ relay, portal, endpoint }: Spliced): Promise<void> => {
      await eventually(async () => {
        expect(await portal.counters()).toMatchObject({ activeConnections: 0, halfClosedTimeouts: 1 });
        expect(relay.observer.failures).toMatchObject([
          { protocol: 'TCP', reason: 'half-closed-timeout', endpoint: { key: endpoint.key }, final: true },
        ]);
      });
      expect(await portal.countersOf(endpoint)).toEqual({ connections: 0, totalConnections: 1 });
    };
    /** How long until it has been reset, ms; `from` has been told of the FIN. */
    const timeUntilReset = async (finished: TcpPeer, waiting: TcpPeer): Promise<number> => {
      const from = performance.now();
      finished.finish();
      await waiting.rest();
      await waiting.resetNoticed();
      return performance.now() - from;
    };

    it('resets a connection whose client has finished and whose endpoint never does', async () => {
      const spliced = await splice();
      const { client, served } = spliced;
      expect(await timeUntilReset(client, served)).toBeGreaterThan(TIMEOUT_MS - EARLY_MS);
      expect(await client.ending()).toBe('reset');
      await expectReset(spliced);
    });

    it('resets a connection whose endpoint has finished and whose client never does', async () => {
      const spliced = await splice();
      const { client, served } = spliced;
      expect(await timeUntilReset(served, client)).toBeGreaterThan(TIMEOUT_MS - EARLY_MS);
      expect(await served.ending()).toBe('reset');
      await expectReset(spliced);
    });

    it.each(['client', 'endpoint'])('begins anew with each byte after the FIN of the %s', async (first) => {
      const spliced = await splice();
      const { client, served, portal } = spliced;
      const [finished, slow] = first === 'client' ? [client, served] : [served, client];
      finished.finish();
      await slow.rest();
      for (let sent = 0; sent < SLOW_BYTES; sent++) {
        await pause(SLOW_MS);
        await slow.send('.');
        expect(await finished.text(1)).toBe('.');
      }
      slow.finish();
      expect(await finished.rest()).toHaveLength(0);
      await eventually(async () => {
        expect(await portal.counters()).toMatchObject({ activeConnections: 0, halfClosedTimeouts: 0 });
      });
    });

    it('begins anew after a slow part, and ends a connection that stops then', async () => {
      const spliced = await splice();
      const { client, served } = spliced;
      client.finish();
      await served.rest();
      await pause(TIMEOUT_MS - SLOW_MS);
      const last = performance.now();
      await served.send('.');
      expect(await client.text(1)).toBe('.');
      expect(await client.ending()).toBe('reset');
      expect(performance.now() - last).toBeGreaterThan(TIMEOUT_MS - EARLY_MS);
      await expectReset(spliced);
    });

    it('is for each connection by itself, and for none that is open both ways', async () => {
      const { portal, endpoint, client, served } = await splice();
      const others: TcpPeer[] = [];
      for (let i = 0; i < 20; i++) {
        others.push(await portal.connect());
        const other = await endpoint.accepted();
        if (i % 2 === 0) others[i]?.finish();
        else await other.send('.');
      }
      for (const [i, other] of others.entries()) if (i % 2 === 0) expect(await other.ending()).toBe('reset');
      await eventually(async () => {
        expect(await portal.counters()).toMatchObject({ activeConnections: 11, halfClosedTimeouts: 10 });
      });
      await client.send('still here');
      expect(await served.text(10)).toBe('still here');
    });

    it('is for ever where it is 0', async () => {
      const { portal, client, served } = await splice(0);
      client.finish();
      await served.rest();
      await pause(2 * TIMEOUT_MS);
      await served.send('late');
      expect(await client.text(4)).toBe('late');
      expect(await portal.counters()).toMatchObject({ activeConnections: 1, halfClosedTimeouts: 0 });
    });
  });
}

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { SessionAffinity } from '../../src/model/service-port.js';
import { eventually } from '../support/deadline.js';
import type { UdpClient } from '../support/udp-client.js';
import { echoDatagram, silent, UdpEndpoint } from '../support/udp-endpoint.js';
import { type PortalUnderTest, RelayUnderTest, type StartEngine } from './contract-engine.js';

const CLIENT_IP: SessionAffinity = { type: 'ClientIP', timeoutSeconds: 60 };
const IDLE_TIMEOUT_MS = 500;
const TRAFFIC_INTERVAL_MS = 100;
/** Traffic for three times as long as an idle session lives. */
const DATAGRAMS = 15;
const MAX_SESSIONS = 10;
/** Apart far enough for any clock to tell which came first. */
const APART_MS = 5;

/** How sessions end, and what becomes of their clients. */
export function describeUdpSession(start: StartEngine): void {
  const open = async (
    endpoints: readonly UdpEndpoint[],
    options: { udpIdleTimeoutMs?: number; maxUdpSessions?: number; sessionAffinity?: SessionAffinity } = {},
  ): Promise<{ relay: RelayUnderTest; portal: PortalUnderTest }> => {
    const { sessionAffinity = { type: 'None' }, ...engineOptions } = options;
    const relay = await RelayUnderTest.start(start, engineOptions);
    const portal = await relay.open({
      protocol: 'UDP',
      endpoints: endpoints.map(({ endpoint }) => endpoint),
      sessionAffinity,
    });
    return { relay, portal };
  };

  describe('an idle UDP session', () => {
    it('ends after the timeout, and the next datagram begins another', async () => {
      const endpoint = await UdpEndpoint.bind(echoDatagram);
      const { portal } = await open([endpoint], { udpIdleTimeoutMs: IDLE_TIMEOUT_MS });
      const client = await portal.udpClient();
      await client.ask('x');
      await eventually(async () => {
        expect(await portal.counters()).toMatchObject({ udpSessions: 1, totalUdpSessions: 1 });
      });
      await eventually(async () => {
        expect((await portal.counters()).udpSessions).toBe(0);
        expect((await portal.countersOf(endpoint))?.connections).toBe(0);
      });
      expect(await client.ask('y')).toBe('y');
      await eventually(async () => {
        expect(await portal.counters()).toMatchObject({ udpSessions: 1, totalUdpSessions: 2 });
      });
    });

    it('is not idle while its client sends', async () => {
      const endpoint = await UdpEndpoint.bind(silent);
      const { portal } = await open([endpoint], { udpIdleTimeoutMs: IDLE_TIMEOUT_MS });
      const client = await portal.udpClient();
      for (let sent = 0; sent < DATAGRAMS; sent++) {
        await client.send('still here');
        await pause(TRAFFIC_INTERVAL_MS);
      }
      expect(endpoint.sources.size).toBe(1);
      await eventually(async () => {
        expect(await portal.counters()).toMatchObject({ udpSessions: 1, totalUdpSessions: 1 });
      });
    });

    it('is not idle while its endpoint sends', async () => {
      const endpoint = await UdpEndpoint.bind(silent);
      const { portal } = await open([endpoint], { udpIdleTimeoutMs: IDLE_TIMEOUT_MS });
      const client = await portal.udpClient();
      await client.send('subscribe');
      await eventually(() => expect(endpoint.received.length).toBe(1));
      for (let sent = 0; sent < DATAGRAMS; sent++) {
        endpoint.sendToLastSource(`news ${sent}`);
        expect((await client.receive()).toString()).toBe(`news ${sent}`);
        await pause(TRAFFIC_INTERVAL_MS);
      }
      await eventually(async () => {
        expect(await portal.counters()).toMatchObject({ udpSessions: 1, totalUdpSessions: 1 });
      });
    });
  });

  describe('a UDP endpoint that refuses', () => {
    const setups: [string, SessionAffinity][] = [
      ['without affinity', { type: 'None' }],
      ['with affinity to it', CLIENT_IP],
    ];

    it.each(setups)('loses the session, and the next datagram goes to another (%s)', async (_, affinity) => {
      const endpoints = [await UdpEndpoint.bind(() => 'a'), await UdpEndpoint.bind(() => 'b')];
      const { relay, portal } = await open(endpoints, { sessionAffinity: affinity });
      const client = await portal.udpClient();
      const first = await client.ask('who?');
      const [refusing, other] = first === 'a' ? endpoints : endpoints.toReversed();
      await refusing?.refuse();
      await client.send('refused');
      await eventually(async () => {
        expect(await portal.counters()).toMatchObject({ udpSessions: 0, droppedDatagrams: 1 });
      });
      await eventually(async () => {
        expect(relay.observer.failures).toMatchObject([
          {
            name: portal.name,
            protocol: 'UDP',
            client: { address: '127.0.0.1', port: client.localPort },
            endpoint: refusing?.endpoint,
            reason: 'icmp-refused',
            final: true,
          },
        ]);
      });
      expect(await client.ask('who?')).toBe(first === 'a' ? 'b' : 'a');
      await eventually(async () => {
        expect(await portal.counters()).toMatchObject({ udpSessions: 1, totalUdpSessions: 2 });
      });
      expect(other?.received.length).toBe(1);
    });

    it('does not end the sessions of the others', async () => {
      const endpoints = [await UdpEndpoint.bind(() => 'a'), await UdpEndpoint.bind(() => 'b')];
      const { portal } = await open(endpoints);
      const [one, two] = [await portal.udpClient(), await portal.udpClient()];
      const [first, second] = [await one.ask('who?'), await two.ask('who?')];
      await (first === 'a' ? endpoints[0] : endpoints[1])?.refuse();
      await one.send('refused');
      await eventually(async () => expect(await portal.counters()).toMatchObject({ udpSessions: 1 }));
      expect(await two.ask('who?')).toBe(second);
      await eventually(async () => {
        expect(await portal.counters()).toMatchObject({ totalUdpSessions: 2 });
      });
    });
  });

  describe('a UDP session whose endpoint goes', () => {
    it('moves at once: the next datagram of the same client reaches one that stays', async () => {
      const leaving = await UdpEndpoint.bind(() => 'leaving');
      const staying = await UdpEndpoint.bind(() => 'staying');
      const { portal } = await open([leaving]);
      const client = await portal.udpClient();
      expect(await client.ask('who?')).toBe('leaving');
      await portal.route([staying.endpoint]);
      expect(await client.ask('who?')).toBe('staying');
      expect(leaving.received.length).toBe(1);
      await eventually(async () => {
        expect(await portal.counters()).toMatchObject({ udpSessions: 1 });
      });
    });

    it('moves with affinity too', async () => {
      const leaving = await UdpEndpoint.bind(() => 'leaving');
      const staying = await UdpEndpoint.bind(() => 'staying');
      const { portal } = await open([leaving], { sessionAffinity: CLIENT_IP });
      const client = await portal.udpClient();
      expect(await client.ask('who?')).toBe('leaving');
      await portal.route([leaving.endpoint, staying.endpoint], CLIENT_IP);
      expect(await client.ask('who?')).toBe('leaving');
      await portal.route([staying.endpoint], CLIENT_IP);
      expect(await client.ask('who?')).toBe('staying');
    });

    it('stays where its endpoint stays', async () => {
      const staying = await UdpEndpoint.bind(() => 'staying');
      const coming = await UdpEndpoint.bind(() => 'coming');
      const { portal } = await open([staying]);
      const client = await portal.udpClient();
      await client.ask('who?');
      await portal.route([coming.endpoint, staying.endpoint]);
      expect(await client.ask('who?')).toBe('staying');
      expect(staying.sources.size).toBe(1);
    });

    it('is dropped where none is left, and its client served again when one comes', async () => {
      const endpoint = await UdpEndpoint.bind(echoDatagram);
      const { portal } = await open([endpoint]);
      const client = await portal.udpClient();
      await client.ask('x');
      await portal.route([]);
      await client.send('to nobody');
      await eventually(async () => expect(await portal.counters()).toMatchObject({ noEndpoints: 1 }));
      expect(endpoint.received.length).toBe(1);
      await portal.route([endpoint.endpoint]);
      expect(await client.ask('y')).toBe('y');
    });
  });

  describe('the UDP session table', () => {
    it('never holds more than its limit, and says once that it is full', async () => {
      const endpoint = await UdpEndpoint.bind(echoDatagram);
      const { relay, portal } = await open([endpoint], { maxUdpSessions: MAX_SESSIONS });
      for (let client = 1; client <= 25; client++) {
        expect(await (await portal.udpClient()).ask('x')).toBe('x');
        await eventually(async () => {
          expect((await portal.counters()).udpSessions).toBe(Math.min(client, MAX_SESSIONS));
        });
      }
      await eventually(async () => {
        expect(await portal.counters()).toMatchObject({
          totalUdpSessions: 25,
          evictedUdpSessions: 15,
          endpoints: new Map([[endpoint.key, { connections: MAX_SESSIONS, totalConnections: 25 }]]),
        });
      });
      await eventually(async () => {
        expect(relay.observer.udpSessionsExhaustedAt).toEqual([MAX_SESSIONS]);
      });
    });

    it('makes room by ending the session that has been idle longest', async () => {
      const endpoint = await UdpEndpoint.bind(echoDatagram);
      const { portal } = await open([endpoint], { maxUdpSessions: MAX_SESSIONS });
      const ask = async (client: UdpClient): Promise<number> => {
        await pause(APART_MS);
        await client.ask('x');
        return endpoint.received.at(-1)?.port ?? 0;
      };
      const oldest = await portal.udpClient();
      const source = await ask(oldest);
      const second = await portal.udpClient();
      await ask(second);
      for (let client = 2; client < MAX_SESSIONS; client++) await ask(await portal.udpClient());
      expect(await ask(oldest)).toBe(source);
      // One more than fit: the second is now the one that has been idle longest.
      await ask(await portal.udpClient());
      expect(await ask(oldest)).toBe(source);
      await eventually(async () => {
        expect(await portal.counters()).toMatchObject({ totalUdpSessions: 11, evictedUdpSessions: 1 });
      });
      await ask(second);
      await eventually(async () => {
        expect(await portal.counters()).toMatchObject({ totalUdpSessions: 12, evictedUdpSessions: 2 });
      });
    });

    it('says again that it is full where it had emptied in between', async () => {
      const endpoint = await UdpEndpoint.bind(echoDatagram);
      const { relay, portal } = await open([endpoint], {
        udpIdleTimeoutMs: IDLE_TIMEOUT_MS,
        maxUdpSessions: MAX_SESSIONS,
      });
      const overfill = async (): Promise<void> => {
        for (let client = 0; client <= MAX_SESSIONS; client++) await (await portal.udpClient()).ask('x');
      };
      await overfill();
      await eventually(async () => expect(await portal.counters()).toMatchObject({ udpSessions: 0 }));
      await overfill();
      await eventually(async () => {
        expect(relay.observer.udpSessionsExhaustedAt).toEqual([MAX_SESSIONS, MAX_SESSIONS]);
      });
    });
  });

  describe('closing a UDP portal', () => {
    it('has freed the port when it resolves', async () => {
      const endpoint = await UdpEndpoint.bind(echoDatagram);
      const { relay, portal } = await open([endpoint]);
      await (await portal.udpClient()).ask('x');
      await portal.close();
      expect(relay.engine.portals().size).toBe(0);
      const other = createSocket('udp4');
      onTestFinished(() => void other.close());
      other.bind(portal.port, '127.0.0.1');
      await once(other, 'listening');
    });
  });
}

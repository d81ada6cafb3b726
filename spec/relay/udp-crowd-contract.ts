import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { openFileLimit } from '../support/open-sockets.js';
import type { UdpClient } from '../support/udp-client.js';
import { echoDatagram, UdpEndpoint } from '../support/udp-endpoint.js';
import { RelayUnderTest, type StartEngine } from './contract-engine.js';

const CLIENTS = 5_000;
/** So few that the kernel's buffers hold what they send at once. */
const ASKING_AT_ONCE = 100;
/** Client and relay hold a socket each, and the process needs some files for itself. */
const FILES_FOR_CLIENTS = CLIENTS * 2 + 200;
const SENDS_AT_MOST = 20;
const LARGEST = 65_507;
const FLOOD_PIECE = 50;

/** Many clients, and hostile ones. */
export function describeUdpCrowd(start: StartEngine): void {
  describe('a crowd of UDP clients', () => {
    it.skipIf(openFileLimit() < FILES_FOR_CLIENTS)(
      `of ${CLIENTS} addresses: each gets its own answers (needs ${FILES_FOR_CLIENTS} open files)`,
      async () => {
        const endpoint = await UdpEndpoint.bind(echoDatagram);
        const relay = await RelayUnderTest.start(start, {
          udpIdleTimeoutMs: 60_000,
          maxUdpSessions: CLIENTS,
        });
        const portal = await relay.open({ protocol: 'UDP', endpoints: [endpoint.endpoint] });
        const clients: UdpClient[] = [];
        const everyoneAsks = async (greeting: string): Promise<void> => {
          for (let begin = 0; begin < CLIENTS; begin += ASKING_AT_ONCE) {
            const some = clients.slice(begin, begin + ASKING_AT_ONCE);
            await Promise.all(
              some.map(async (client, index) => {
                const question = `${greeting} from ${begin + index}`;
                expect(await client.askEcho(question, SENDS_AT_MOST)).toBe(question);
              }),
            );
          }
        };
        while (clients.length < CLIENTS) {
          const some = Array.from({ length: ASKING_AT_ONCE }, () => portal.udpClient());
          clients.push(...(await Promise.all(some)));
        }
        await everyoneAsks('hello');
        expect(await portal.counters()).toMatchObject({ udpSessions: CLIENTS, totalUdpSessions: CLIENTS });
        await everyoneAsks('hello again');
        expect(endpoint.sources.size).toBe(CLIENTS);
        expect(await portal.counters()).toMatchObject({
          udpSessions: CLIENTS,
          totalUdpSessions: CLIENTS,
          evictedUdpSessions: 0,
        });
      },
    );
  });

  describe('a hostile UDP client', () => {
    it('that sends bursts of the largest datagrams does not stop another from being served', async () => {
      const endpoint = await UdpEndpoint.bind((payload) => (payload.length < LARGEST ? payload : undefined));
      const portal = await (await RelayUnderTest.start(start)).open({
        protocol: 'UDP',
        endpoints: [endpoint.endpoint],
      });
      const hostile = await portal.udpClient();
      const other = await portal.udpClient();
      const burst = Buffer.alloc(LARGEST);
      for (let round = 0; round < 5; round++) {
        const sent = Array.from({ length: 40 }, () => hostile.send(burst));
        expect(await other.askEcho(`round ${round}`, SENDS_AT_MOST)).toBe(`round ${round}`);
        await Promise.all(sent);
      }
      expect(await hostile.askEcho('am I still welcome?', SENDS_AT_MOST)).toBe('am I still welcome?');
    });

    it('that floods does not stop another from being served', async () => {
      const endpoint = await UdpEndpoint.bind((payload) =>
        payload.toString() === 'flood' ? undefined : payload,
      );
      const portal = await (await RelayUnderTest.start(start)).open({
        protocol: 'UDP',
        endpoints: [endpoint.endpoint],
      });
      const hostile = await portal.udpClient();
      const other = await portal.udpClient();
      let flooding = true;
      const flood = async (): Promise<void> => {
        while (flooding) {
          await Promise.all(Array.from({ length: FLOOD_PIECE }, () => hostile.send('flood')));
          await nextTurn();
        }
      };
      const flooded = flood();
      for (let round = 0; round < 10; round++) {
        expect(await other.askEcho(`round ${round}`, SENDS_AT_MOST)).toBe(`round ${round}`);
      }
      flooding = false;
      await flooded;
    });
  });
}

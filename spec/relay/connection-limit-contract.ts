import { describe, expect, it } from 'vitest';
import { eventually } from '../support/deadline.js';
import { greet, TcpEndpoint } from '../support/tcp-endpoint.js';
import type { TcpPeer } from '../support/tcp-peer.js';
import { echoDatagram, UdpEndpoint } from '../support/udp-endpoint.js';
import {
  type ContractEngineOptions,
  NO_AFFINITY,
  type PortalUnderTest,
  RelayUnderTest,
  type StartEngine,
} from './contract-engine.js';

const LIMIT = 3;
const CLIENTS = 8;
const VISITS = 150;
const VISITORS = 12;

/** Limits of open connections: as many as that, and no more; who comes then waits, and loses nothing. */
export function describeConnectionLimit(start: StartEngine): void {
  describe('a limit of open connections', () => {
    const begin = async (
      options: Partial<Omit<ContractEngineOptions, 'observer'>>,
      maxConnections?: number,
    ) => {
      const endpoint = await TcpEndpoint.listen(greet('g'));
      const relay = await RelayUnderTest.start(start, options);
      const portal = await relay.open({
        endpoints: [endpoint.endpoint],
        ...(maxConnections === undefined ? {} : { maxConnections }),
      });
      return { endpoint, relay, portal };
    };
    const connect = async (portal: PortalUnderTest, count: number): Promise<readonly TcpPeer[]> => {
      const clients: TcpPeer[] = [];
      while (clients.length < count) clients.push(await portal.connect());
      return clients;
    };
    const served = (clients: readonly TcpPeer[]) => clients.filter(({ bytesReceived }) => bytesReceived > 0);
    /** Resolves when so many are served; that it is no more than that shows when something else was served meanwhile. */
    const expectServed = (clients: readonly TcpPeer[], count: number): Promise<void> =>
      eventually(() => expect(served(clients)).toHaveLength(count));
    const leave = async (client: TcpPeer | undefined): Promise<void> => {
      client?.finish();
      await client?.rest();
    };
    /** Another portal of the relay, which goes on whatever happens at the first one. */
    const visitAnother = async (relay: RelayUnderTest, endpoint: TcpEndpoint): Promise<void> => {
      const another = await relay.open({ name: 'default/another', endpoints: [endpoint.endpoint] });
      expect(await another.visit()).toBe('g');
    };

    it('of a portal lets as many be open, and the next one in when one ends', async () => {
      const { endpoint, relay, portal } = await begin({}, LIMIT);
      const clients = await connect(portal, CLIENTS);
      for (let left = 0; left <= CLIENTS - LIMIT; left++) {
        await expectServed(clients, LIMIT + left);
        if (left === 0) await visitAnother(relay, endpoint);
        expect(served(clients)).toHaveLength(LIMIT + left);
        await leave(served(clients)[left]);
      }
      for (const client of clients) expect(client.wasReset).toBe(false);
      expect(relay.observer.connectionsExhaustedAt).toEqual([[portal.name, LIMIT]]);
      expect(relay.observer.failures).toEqual([]);
    });

    it('of all portals together lets as many be open, whichever they are of', async () => {
      const { endpoint, relay, portal } = await begin({ maxConnections: LIMIT });
      const other = await relay.open({ name: 'default/other', endpoints: [endpoint.endpoint] });
      const first = await connect(portal, LIMIT - 1);
      await expectServed(first, LIMIT - 1);
      const [last] = await connect(other, 1);
      expect(await last?.text(1)).toBe('g');
      const waiting = [...(await connect(portal, 1)), ...(await connect(other, 1))];
      await eventually(() => expect(relay.observer.connectionsExhaustedAt).toEqual([[null, LIMIT]]));
      expect(endpoint.connections).toBe(LIMIT);
      await leave(last);
      await expectServed(waiting, 1);
      expect(endpoint.connections).toBe(LIMIT + 1);
      await leave(first[0]);
      await expectServed(waiting, 2);
    });

    const OF_ALL = 'of all portals together';
    it.each(
      ['of a portal', OF_ALL].flatMap((whose) => [1, 2, LIMIT].map((limit) => [whose, limit] as const)),
    )(
      '%s, of %i, is never passed, nobody is lost, and it is told once, where many come and go',
      async (whose, limit) => {
        let open = 0;
        let most = 0;
        const endpoint = await TcpEndpoint.listen((peer) => {
          most = Math.max(most, ++open);
          // The relay has finished. It gives the place when the endpoint has, too.
          peer.socket.once('end', () => open--);
          greet('g')(peer);
        });
        const relay = await RelayUnderTest.start(start, whose === OF_ALL ? { maxConnections: limit } : {});
        const portal = await relay.open({
          endpoints: [endpoint.endpoint],
          ...(whose === OF_ALL ? {} : { maxConnections: limit }),
        });
        let visits = 0;
        const visitor = async (): Promise<void> => {
          while (visits < VISITS) {
            visits += 1;
            expect(await portal.visit()).toBe('g');
          }
        };
        await Promise.all(Array.from({ length: VISITORS }, visitor));
        expect(endpoint.connections).toBe(visits);
        expect(most).toBe(limit);
        expect(relay.observer.connectionsExhaustedAt).toEqual([
          [whose === OF_ALL ? null : portal.name, limit],
        ]);
        await eventually(async () => {
          const counters = await portal.counters();
          expect(counters).toMatchObject({
            activeConnections: 0,
            totalConnections: visits,
            refusedForFiles: 0,
            refusedForPlace: 0,
          });
          expect(counters.waitedForPlace).toBeGreaterThan(0);
        });
      },
    );

    it('that is raised, or taken away, lets those in who wait', async () => {
      const { endpoint, portal } = await begin({}, 1);
      const routing = { endpoints: [endpoint.endpoint], sessionAffinity: NO_AFFINITY };
      const clients = await connect(portal, CLIENTS);
      await expectServed(clients, 1);
      await portal.engine.route(portal.name, { ...routing, maxConnections: LIMIT });
      await expectServed(clients, LIMIT);
      await portal.engine.route(portal.name, routing);
      await expectServed(clients, CLIENTS);
    });

    it('that is lowered cuts nobody, and lets nobody in until there is room', async () => {
      const { endpoint, portal } = await begin({}, LIMIT);
      const clients = await connect(portal, LIMIT);
      await expectServed(clients, LIMIT);
      await portal.engine.route(portal.name, {
        endpoints: [endpoint.endpoint],
        sessionAffinity: NO_AFFINITY,
        maxConnections: 1,
      });
      const [waiting] = await connect(portal, 1);
      for (const client of clients) {
        await client.text(1);
        await client.send('still there?');
        expect(await client.text(12)).toBe('still there?');
        expect(waiting?.bytesReceived).toBe(0);
        await leave(client);
      }
      expect(await waiting?.text(1)).toBe('g');
    });

    it('is for TCP alone', async () => {
      const { relay, portal } = await begin({ maxConnections: 1 });
      const [client] = await connect(portal, 1);
      expect(await client?.text(1)).toBe('g');
      const dns = await UdpEndpoint.bind(echoDatagram);
      const udp = await relay.open({
        name: 'default/dns',
        protocol: 'UDP',
        endpoints: [dns.endpoint],
        maxConnections: 1,
      });
      for (let i = 0; i < LIMIT; i++) expect(await (await udp.udpClient()).ask('q')).toBe('q');
    });

    it('is left by clients that go while they wait', async () => {
      const { portal } = await begin({}, 1);
      const [first, second, third] = await connect(portal, 3);
      expect(await first?.text(1)).toBe('g');
      second?.reset();
      await leave(first);
      expect(await third?.text(1)).toBe('g');
    });
  });
}

import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { blackHole } from '../support/black-hole.js';
import { eventually } from '../support/deadline.js';
import { echo, greet, handOver, TcpEndpoint } from '../support/tcp-endpoint.js';
import { RelayUnderTest, type StartEngine } from './contract-engine.js';

/** Endpoints that come and go, and portals that close: what is open goes on, what is new follows at once. */
export function describeRouting(start: StartEngine): void {
  describe('route', () => {
    it('is in force when it resolves', async () => {
      const one = await TcpEndpoint.listen(greet('1'));
      const two = await TcpEndpoint.listen(greet('2'));
      const portal = await (await RelayUnderTest.start(start)).open({ endpoints: [one.endpoint] });
      for (let turn = 0; turn < 5; turn++) {
        await portal.route([two.endpoint]);
        expect(await portal.visit()).toBe('2');
        await portal.route([one.endpoint]);
        expect(await portal.visit()).toBe('1');
      }
    });

    it('a hundred times while fifty clients ask fails none of them', async () => {
      const endpoints = await Promise.all([...'abc'].map((name) => TcpEndpoint.listen(greet(name))));
      const relay = await RelayUnderTest.start(start);
      const all = endpoints.map(({ endpoint }) => endpoint);
      const portal = await relay.open({ endpoints: all });
      let isOver = false;
      const ask = async () => {
        for (let visit = 0; visit < 3 || !isOver; visit += 1) expect('abc').toContain(await portal.visit());
      };
      const clients = Promise.all(Array.from({ length: 50 }, ask));
      for (let change = 0; change < 100; change += 1) {
        await Promise.race([pause(2), clients]);
        await portal.route(all.filter((_, index) => index !== change % all.length));
      }
      isOver = true;
      await clients;
      expect(relay.observer.failures).toEqual([]);
    });

    it('away from an endpoint leaves its open connections alone, and brings it no new one', async () => {
      const leaving = await TcpEndpoint.listen(echo);
      const staying = await TcpEndpoint.listen(greet('s'));
      const portal = await (await RelayUnderTest.start(start)).open({ endpoints: [leaving.endpoint] });
      const client = await portal.connect();
      await client.send('before');
      expect(await client.text(6)).toBe('before');
      await portal.route([staying.endpoint]);
      for (let visit = 0; visit < 3; visit++) expect(await portal.visit()).toBe('s');
      await client.send('after');
      expect(await client.text(5)).toBe('after');
      expect(leaving.connections).toBe(1);
    });

    it('keeps counting an endpoint until its last connection has ended', async () => {
      const leaving = await TcpEndpoint.listen(echo);
      const staying = await TcpEndpoint.listen(echo);
      const portal = await (await RelayUnderTest.start(start)).open({ endpoints: [leaving.endpoint] });
      const client = await portal.connect();
      await client.send('x');
      await client.text(1);
      await portal.route([staying.endpoint]);
      const counters = { connections: 1, totalConnections: 1 };
      await eventually(async () => {
        expect(await portal.countersOf(leaving)).toEqual(counters);
      });
      await eventually(async () => {
        expect(await portal.countersOf(staying)).toEqual({ connections: 0, totalConnections: 0 });
      });
      client.finish();
      await client.rest();
      await eventually(async () => expect(await portal.countersOf(leaving)).toBeUndefined());
    });

    it('to nowhere resets new clients at accept, counts them and says why; the open ones go on', async () => {
      const endpoint = await TcpEndpoint.listen(echo);
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ endpoints: [endpoint.endpoint] });
      const open = await portal.connect();
      await open.send('x');
      await open.text(1);
      await portal.route([]);
      const refused = await portal.connect();
      expect(await refused.ending()).toBe('reset');
      await eventually(async () => {
        expect(await portal.counters()).toMatchObject({
          activeConnections: 1,
          totalConnections: 2,
          dialFailures: 0,
          noEndpoints: 1,
        });
      });
      await eventually(() => expect(relay.observer.failures).toHaveLength(1));
      const [failure] = relay.observer.failures;
      expect(failure).toMatchObject({
        name: portal.name,
        protocol: 'TCP',
        client: { address: '127.0.0.1' },
        reason: 'no-endpoints',
        final: true,
      });
      expect(failure).not.toHaveProperty('endpoint');
      await open.send('y');
      expect(await open.text(1)).toBe('y');
      await portal.route([endpoint.endpoint]);
      const served = await portal.connect();
      await served.send('z');
      expect(await served.text(1)).toBe('z');
    });

    it('of a name that is not open does nothing', async () => {
      const relay = await RelayUnderTest.start(start);
      await relay.engine.route('default/nobody', { endpoints: [], sessionAffinity: { type: 'None' } });
      expect(relay.engine.portals().size).toBe(0);
      expect((await relay.engine.counters()).size).toBe(0);
    });
  });

  describe('close', () => {
    it('refuses new clients at once and lets the open ones go on', async () => {
      const endpoint = await TcpEndpoint.listen(handOver);
      const portal = await (await RelayUnderTest.start(start)).open({ endpoints: [endpoint.endpoint] });
      const client = await portal.connect();
      const served = await endpoint.accepted();
      await portal.close();
      await expect(portal.connect()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
      await client.send('still open');
      expect(await served.text(10)).toBe('still open');
      await served.send('indeed');
      served.finish();
      expect((await client.rest()).toString()).toBe('indeed');
      client.finish();
      expect((await served.rest()).length).toBe(0);
    });

    it('lets a client go on for whom an endpoint is still being sought', async () => {
      const good = await TcpEndpoint.listen(greet('g'));
      const portal = await (await RelayUnderTest.start(start)).open({
        endpoints: [await blackHole(), good.endpoint],
      });
      const clients = await Promise.all([portal.connect(), portal.connect()]);
      // One is served at once; the other's first try goes on.
      await Promise.race(clients.map((client) => client.text(1)));
      await portal.close();
      for (const client of clients) {
        client.finish();
        await client.rest();
        expect(client.bytesReceived).toBe(1);
      }
    });

    it('has freed the port when it resolves, with connections still open', async () => {
      const endpoint = await TcpEndpoint.listen(echo);
      const portal = await (await RelayUnderTest.start(start)).open({ endpoints: [endpoint.endpoint] });
      const client = await portal.connect();
      await client.send('x');
      await client.text(1);
      await portal.close();
      const other = createServer();
      onTestFinished(() => void other.close());
      other.listen(portal.port, '127.0.0.1');
      await once(other, 'listening');
    });

    it('takes the portal out of the lists, and a new one of the same name counts from nothing', async () => {
      const endpoint = await TcpEndpoint.listen(greet('e'));
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ endpoints: [endpoint.endpoint] });
      expect(await portal.visit()).toBe('e');
      await portal.close();
      expect(relay.engine.portals().size).toBe(0);
      expect((await relay.engine.counters()).size).toBe(0);
      const again = await relay.open({ endpoints: [endpoint.endpoint] });
      expect(await again.counters()).toMatchObject({ totalConnections: 0, bytesOut: 0 });
      expect(await again.visit()).toBe('e');
      expect(await again.counters()).toMatchObject({ totalConnections: 1 });
    });

    it('of a name that is not open does nothing', async () => {
      const relay = await RelayUnderTest.start(start);
      await relay.engine.close('default/nobody');
      const portal = await relay.open({ endpoints: [] });
      await portal.close();
      await portal.close();
      expect(relay.engine.portals().size).toBe(0);
    });
  });
}

import { describe, expect, it } from 'vitest';
import type { SessionAffinity } from '../../src/model/service-port.js';
import { blackHole } from '../support/black-hole.js';
import { ByteStream } from '../support/byte-stream.js';
import { eventually, within } from '../support/deadline.js';
import { refusingEndpoint } from '../support/refusing-endpoint.js';
import { echo, greet, handOver, TcpEndpoint } from '../support/tcp-endpoint.js';
import { RelayUnderTest, type StartEngine } from './contract-engine.js';

const CLIENT_IP: SessionAffinity = { type: 'ClientIP', timeoutSeconds: 60 };
const FIRST_TRY_MS = 250;
const ALL_TRIES_MS = 250 + 500 + 1_000 + 2_000;
/** Timers may be early by a millisecond, and a try begins a little before the client knows that it is connected. */
const EARLY_MS = 50;
const SMALL_ANSWERS = 20;
const LATE_MS = 1_250;

/** How an endpoint is reached: four tries, each longer and on the next endpoint, and a reset when they fail. */
export function describeDial(start: StartEngine): void {
  describe('an endpoint that refuses', () => {
    it('is passed over, counted and reported; its clients notice nothing', async () => {
      const refusing = await refusingEndpoint();
      const good = await TcpEndpoint.listen(greet('g'));
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ endpoints: [refusing, good.endpoint] });
      for (let visit = 0; visit < 4; visit++) expect(await portal.visit()).toBe('g');
      const { failures } = relay.observer;
      await eventually(async () => {
        expect(failures.length).toBeGreaterThan(0);
        expect((await portal.counters()).dialFailures).toBe(failures.length);
      });
      for (const failure of failures) {
        expect(failure).toMatchObject({
          name: portal.name,
          protocol: 'TCP',
          client: { address: '127.0.0.1' },
          endpoint: refusing,
          reason: 'dial-refused',
          detail: 'ECONNREFUSED',
          final: false,
        });
      }
    });

    it('leaves no trace on the connection to another: answers come at once', async () => {
      const refusing = await refusingEndpoint();
      const good = await TcpEndpoint.listen(echo);
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ endpoints: [refusing, good.endpoint] });
      // One of them at least is tried elsewhere first.
      const clients = [await portal.connect(), await portal.connect()];
      const answers = clients.map(async (client) => {
        for (let asked = 0; asked < SMALL_ANSWERS; asked++) {
          await client.send('?');
          expect(await client.text(1)).toBe('?');
        }
      });
      // A sender that holds back what it takes for a part of more does so for 200 ms each (TCP_CORK, tcp(7)).
      await within('the answers', Promise.all(answers), (SMALL_ANSWERS * 200) / 2);
      await eventually(() => expect(relay.observer.failures).not.toHaveLength(0));
    });

    it('is tried no more than four times where there is no other; then its client is reset', async () => {
      const refusing = await refusingEndpoint();
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ endpoints: [refusing] });
      const client = await portal.connect();
      expect(await client.ending()).toBe('reset');
      await eventually(async () => {
        expect(await portal.counters()).toMatchObject({
          activeConnections: 0,
          totalConnections: 1,
          dialFailures: 4,
        });
      });
      await eventually(async () => {
        expect(relay.observer.failures.map(({ final }) => final)).toEqual([false, false, false, true]);
      });
    });

    it('is tried in turn with the others: four tries reach four endpoints', async () => {
      const refusing = await Promise.all([
        refusingEndpoint(),
        refusingEndpoint(),
        refusingEndpoint(),
        refusingEndpoint(),
      ]);
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ endpoints: refusing });
      expect(await (await portal.connect()).ending()).toBe('reset');
      await eventually(() => {
        const tried = relay.observer.failures.map(({ endpoint }) => endpoint?.key);
        expect(tried.toSorted()).toEqual(refusing.map(({ key }) => key).toSorted());
      });
    });

    it('costs its client no data: what was sent during the dial arrives', async () => {
      const refusing = await refusingEndpoint();
      const good = await TcpEndpoint.listen(echo);
      const portal = await (await RelayUnderTest.start(start)).open({
        endpoints: [refusing, good.endpoint],
      });
      for (let visit = 0; visit < 2; visit++) {
        const client = await portal.connect();
        client.socket.end('sent at once');
        expect((await client.rest()).toString()).toBe('sent at once');
      }
    });

    it("loses its client's affinity at the first failure", async () => {
      const first = await TcpEndpoint.listen(greet('1'));
      const second = await TcpEndpoint.listen(greet('2'));
      const portal = await (await RelayUnderTest.start(start)).open({
        endpoints: [first.endpoint, second.endpoint],
        sessionAffinity: CLIENT_IP,
      });
      const bound = await portal.connect();
      const [preferred, other] = (await bound.text(1)) === '1' ? [first, second] : [second, first];
      const otherName = other === first ? '1' : '2';
      preferred.stopListening();
      expect(await portal.visit()).toBe(otherName);
      await preferred.listenAgain();
      expect(await portal.visit()).toBe(otherName);
      expect(other.connections).toBe(2);
    });
  });

  describe('an endpoint that does not answer', () => {
    it('is given 250 ms, 500 ms, 1 s and 2 s where there is no other; then its client is reset', async () => {
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ endpoints: [await blackHole()] });
      const client = await portal.connect();
      const since = performance.now();
      expect(await client.ending(ALL_TRIES_MS + LATE_MS)).toBe('reset');
      expect(performance.now() - since).toBeGreaterThan(ALL_TRIES_MS - EARLY_MS);
      await eventually(async () => {
        expect(await portal.counters()).toMatchObject({ activeConnections: 0, dialFailures: 4 });
      });
      await eventually(async () => {
        expect(relay.observer.failures.map(({ reason, final }) => ({ reason, final }))).toEqual([
          { reason: 'dial-timeout', final: false },
          { reason: 'dial-timeout', final: false },
          { reason: 'dial-timeout', final: false },
          { reason: 'dial-timeout', final: true },
        ]);
      });
    });

    it('costs its client one short try where another endpoint answers', async () => {
      const good = await TcpEndpoint.listen(greet('g'));
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ endpoints: [await blackHole(), good.endpoint] });
      const waits: number[] = [];
      for (let visit = 0; visit < 3; visit++) {
        const since = performance.now();
        expect(await portal.visit()).toBe('g');
        waits.push(performance.now() - since);
      }
      const delayed = waits.filter((ms) => ms > FIRST_TRY_MS - EARLY_MS);
      expect(delayed.length).toBeGreaterThan(0);
      expect(Math.max(...waits)).toBeLessThan(FIRST_TRY_MS + LATE_MS);
      await eventually(async () => {
        expect((await portal.counters()).dialFailures).toBe(delayed.length);
      });
    });

    it('delays nobody but its own client', async () => {
      const good = await TcpEndpoint.listen(greet('g'));
      const relay = await RelayUnderTest.start(start);
      const hole = await blackHole();
      const mixed = await relay.open({ name: 'default/mixed', endpoints: [hole, good.endpoint] });
      const clients = await Promise.all([mixed.connect(), mixed.connect()]);
      await Promise.race(clients.map((client) => client.text(1)));
      // The one is served while the other's first try goes on.
      await eventually(async () => {
        expect(await mixed.counters()).toMatchObject({ activeConnections: 2, dialFailures: 0 });
      });
      const lost = await relay.open({ name: 'default/lost', endpoints: [hole] });
      await lost.connect();
      const other = await relay.open({ name: 'default/other', endpoints: [good.endpoint] });
      expect(await other.visit()).toBe('g');
      await eventually(async () => {
        expect(await lost.counters()).toMatchObject({ activeConnections: 1, dialFailures: 0 });
      });
    });

    it('costs its client no data: what was sent during the dial arrives, and then the FIN', async () => {
      const good = await TcpEndpoint.listen(handOver);
      const portal = await (await RelayUnderTest.start(start)).open({ endpoints: [await blackHole()] });
      const client = await portal.connect();
      client.socket.end(new ByteStream(1).next(300_000));
      await portal.route([good.endpoint]);
      const served = await good.accepted();
      expect((await served.rest()).equals(new ByteStream(1).next(300_000))).toBe(true);
      await served.send('thank you');
      served.finish();
      expect((await client.rest()).toString()).toBe('thank you');
    });

    it('is left at once when the client goes away during the dial, and that is no failure', async () => {
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ endpoints: [await blackHole()] });
      const client = await portal.connect();
      client.reset();
      await eventually(async () => {
        expect(await portal.counters()).toMatchObject({ activeConnections: 0, totalConnections: 1 });
      }, ALL_TRIES_MS - LATE_MS);
      expect(relay.observer.failures.filter(({ final }) => final)).toEqual([]);
    });

    it('keeps nothing of a client that goes away during the dial', async () => {
      const good = await TcpEndpoint.listen(greet('g'));
      const portal = await (await RelayUnderTest.start(start)).open({ endpoints: [await blackHole()] });
      const client = await portal.connect();
      await client.send('never mind');
      client.reset();
      await portal.route([good.endpoint]);
      expect(await portal.visit()).toBe('g');
      await eventually(async () => {
        expect(await portal.counters()).toMatchObject({ activeConnections: 0, totalConnections: 2 });
        expect(good.openConnections).toBe(0);
      }, ALL_TRIES_MS + LATE_MS);
    });
  });
}

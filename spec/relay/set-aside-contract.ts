import { describe, expect, it } from 'vitest';
import type { SessionAffinity } from '../../src/model/service-port.js';
import { blackHole } from '../support/black-hole.js';
import { eventually } from '../support/deadline.js';
import { refusingEndpoint } from '../support/refusing-endpoint.js';
import { greet, TcpEndpoint } from '../support/tcp-endpoint.js';
import { echoDatagram, UdpEndpoint } from '../support/udp-endpoint.js';
import { type PortalUnderTest, RelayUnderTest, type StartEngine } from './contract-engine.js';

const CLIENT_IP: SessionAffinity = { type: 'ClientIP', timeoutSeconds: 60 };
/** Failures in a row that set an endpoint aside. */
const FAILURES = 3;
/** The first while, where it is as short as chance may make it: a machine that is busy for so long makes a trial due. */
const SHORTEST_WHILE_MS = 750;
/** The first while is a second at most; a busy machine may take long to notice. */
const TRIED_AGAIN_MS = 10_000;

async function visits(portal: PortalUnderTest, count: number): Promise<readonly string[]> {
  const names: string[] = [];
  for (let visit = 0; visit < count; visit += 1) names.push(await portal.visit());
  return names;
}

/** As many failures as set it aside, and where that has taken so long, that of a trial. */
function expectFailures(dialFailures: number, since: number, before = FAILURES): void {
  const trials = performance.now() - since < SHORTEST_WHILE_MS ? 0 : 1;
  expect(dialFailures).toBeGreaterThanOrEqual(before);
  expect(dialFailures).toBeLessThanOrEqual(before + trials);
}

/** An endpoint that keeps failing is set aside, and tried again. */
export function describeSettingAside(start: StartEngine): void {
  describe('an endpoint that keeps failing', () => {
    it('costs three tries and then none: it is set aside, which its counters tell', async () => {
      const refusing = await refusingEndpoint();
      const good = await TcpEndpoint.listen(greet('g'));
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ endpoints: [refusing, good.endpoint] });
      const since = performance.now();
      expect(new Set(await visits(portal, 4 * FAILURES))).toEqual(new Set(['g']));
      const { dialFailures, endpoints } = await portal.counters();
      expectFailures(dialFailures, since);
      expect(endpoints.get(refusing.key)?.setAsideMs).toBeLessThanOrEqual(2_000);
      expect(endpoints.get(good.key)?.setAsideMs).toBeUndefined();
    });

    it('delays three clients where it does not answer, and after that nobody', async () => {
      const good = await TcpEndpoint.listen(greet('g'));
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ endpoints: [await blackHole(), good.endpoint] });
      await eventually(async () => {
        await portal.visit();
        expect((await portal.counters()).dialFailures).toBe(FAILURES);
      });
      const since = performance.now();
      await visits(portal, 4 * FAILURES);
      expectFailures((await portal.counters()).dialFailures, since);
    });

    it('is tried once when its while is over, and takes its turns again when that goes well', async () => {
      const [first, second] = [await TcpEndpoint.listen(greet('1')), await TcpEndpoint.listen(greet('2'))];
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ endpoints: [first.endpoint, second.endpoint] });
      // Keeps the port while nobody listens there.
      const held = await Promise.all([portal.connect(), portal.connect()]);
      await Promise.all(held.map((client) => client.text(1)));
      first.stopListening();
      const since = performance.now();
      expect(new Set(await visits(portal, 2 * FAILURES))).toEqual(new Set(['2']));
      await first.listenAgain();
      await eventually(async () => expect(await portal.visit()).toBe('1'), TRIED_AGAIN_MS);
      expect((await visits(portal, 4)).toSorted()).toEqual(['1', '1', '2', '2']);
      expect((await portal.countersOf(first))?.setAsideMs).toBeUndefined();
      expectFailures((await portal.counters()).dialFailures, since);
    });

    it('is used all the same where it is the only one', async () => {
      const only = await TcpEndpoint.listen(greet('1'));
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ endpoints: [only.endpoint] });
      const held = await portal.connect();
      await held.text(1);
      only.stopListening();
      expect(await (await portal.connect()).ending()).toBe('reset');
      expect((await portal.countersOf(only))?.setAsideMs).toBeUndefined();
      await only.listenAgain();
      expect(await portal.visit()).toBe('1');
    });

    it('is used all the same where the others keep failing, too', async () => {
      const [first, second] = [await TcpEndpoint.listen(greet('1')), await TcpEndpoint.listen(greet('2'))];
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ endpoints: [first.endpoint, second.endpoint] });
      const held = await Promise.all([portal.connect(), portal.connect()]);
      await Promise.all(held.map((client) => client.text(1)));
      first.stopListening();
      second.stopListening();
      for (let client = 0; client < 2; client += 1)
        expect(await (await portal.connect()).ending()).toBe('reset');
      await second.listenAgain();
      expect(await portal.visit()).toBe('2');
    });

    it('loses its clients with affinity to another, and they stay there', async () => {
      const [first, second] = [await TcpEndpoint.listen(greet('1')), await TcpEndpoint.listen(greet('2'))];
      const relay = await RelayUnderTest.start(start);
      const endpoints = [first.endpoint, second.endpoint];
      const portal = await relay.open({ endpoints });
      const held = await Promise.all([portal.connect(), portal.connect()]);
      await Promise.all(held.map((client) => client.text(1)));
      first.stopListening();
      await visits(portal, 2 * FAILURES);
      await portal.route(endpoints, CLIENT_IP);
      expect(await portal.visit()).toBe('2');
      await first.listenAgain();
      await eventually(async () => {
        expect((await portal.countersOf(first))?.setAsideMs).toBe(0);
      }, TRIED_AGAIN_MS);
      expect(await visits(portal, 3)).toEqual(['2', '2', '2']);
    });
  });

  describe('a UDP endpoint that keeps refusing', () => {
    it('is given no more sessions for a while; one that answers it is well again', async () => {
      const [refusing, good] = [await UdpEndpoint.bind(echoDatagram), await UdpEndpoint.bind(() => 'good')];
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ protocol: 'UDP', endpoints: [refusing.endpoint, good.endpoint] });
      await refusing.refuse();
      await eventually(async () => {
        // Each client a session of its own, half of them with the one that refuses.
        await (await portal.udpClient()).send('?');
        expect((await portal.countersOf(refusing))?.setAsideMs).toBeDefined();
      });
      const since = performance.now();
      const { dialFailures } = await portal.counters();
      for (let client = 0; client < 4; client += 1)
        expect(await (await portal.udpClient()).ask('?')).toBe('good');
      expectFailures((await portal.counters()).dialFailures, since, dialFailures);
    });
  });
}

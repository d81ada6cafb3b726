import { describe, expect, it } from 'vitest';
import type { SessionAffinity } from '../../src/model/service-port.js';
import { DIAL_TIME_BOUNDS_MS, type PortalCounters } from '../../src/relay/engine.js';
import { NO_DIALS } from '../../src/relay/no-traffic.js';
import { blackHole } from '../support/black-hole.js';
import { eventually } from '../support/deadline.js';
import { refusingEndpoint } from '../support/refusing-endpoint.js';
import { greet, handOver, TcpEndpoint } from '../support/tcp-endpoint.js';
import { echoDatagram, UdpEndpoint } from '../support/udp-endpoint.js';
import { RelayUnderTest, type StartEngine } from './contract-engine.js';

const CLIENT_IP: SessionAffinity = { type: 'ClientIP', timeoutSeconds: 60 };
/** Of an endpoint on this host, whatever else the host does. */
const SLOW_MS = 1_000;

function dials({ dialTimes }: PortalCounters): number {
  return dialTimes.counts.reduce((sum, count) => sum + count, 0);
}

/** What an engine tells of what it has done, for metrics. */
export function describeFigures(start: StartEngine): void {
  describe('the figures of a portal', () => {
    it('are all 0 before anything has used it', async () => {
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ endpoints: [await refusingEndpoint()], sessionAffinity: CLIENT_IP });
      expect(await portal.counters()).toMatchObject({
        failures: {},
        droppedByReason: {},
        datagramsIn: 0,
        datagramsOut: 0,
        dialTimes: NO_DIALS,
        affinityEntries: 0,
      });
    });

    it('have how long each dial took that reached an endpoint', async () => {
      const good = await TcpEndpoint.listen(greet('g'));
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ endpoints: [good.endpoint] });
      const since = performance.now();
      for (let visit = 0; visit < 5; visit++) await portal.visit();
      const tookMs = performance.now() - since;
      await eventually(async () => expect(dials(await portal.counters())).toBe(5));
      const { counts, sumMs } = (await portal.counters()).dialTimes;
      expect(counts).toHaveLength(DIAL_TIME_BOUNDS_MS.length + 1);
      expect(sumMs).toBeGreaterThan(0);
      expect(sumMs).toBeLessThan(tookMs);
      const slow = DIAL_TIME_BOUNDS_MS.indexOf(SLOW_MS) + 1;
      expect(counts.slice(slow).every((count) => count === 0)).toBe(true);
    });

    it('have no time for a dial that reached none, and do not have the tries before in that of the one which did', async () => {
      const good = await TcpEndpoint.listen(greet('g'));
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ endpoints: [await blackHole(), good.endpoint] });
      for (let visit = 0; visit < 2; visit++) expect(await portal.visit()).toBe('g');
      await eventually(async () => {
        const counters = await portal.counters();
        // One or both of them are tried elsewhere first, for 250 ms.
        expect(counters.failures).toEqual({ 'dial-timeout': counters.dialFailures });
        expect(counters.dialFailures).toBeGreaterThan(0);
        expect(dials(counters)).toBe(2);
        expect(counters.dialTimes.sumMs).toBeLessThan(250);
      });
    });

    it('have every failure by its reason, as it was told', async () => {
      const refusing = await refusingEndpoint();
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ endpoints: [refusing] });
      expect(await (await portal.connect()).ending()).toBe('reset');
      await portal.route([]);
      expect(await (await portal.connect()).ending()).toBe('reset');
      await eventually(async () => {
        expect((await portal.counters()).failures).toEqual({ 'dial-refused': 4, 'no-endpoints': 1 });
        expect(relay.observer.failures).toHaveLength(5);
      });
    });

    it('have those of one that leads back, and of one that resets', async () => {
      const breaking = await TcpEndpoint.listen(handOver);
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ endpoints: [breaking.endpoint] });
      const client = await portal.connect();
      const served = await breaking.accepted();
      await served.send('!');
      await client.text(1);
      served.reset();
      expect(await client.ending()).toBe('reset');
      await portal.route([breaking.endpoint], undefined, new Set([breaking.endpoint.key]));
      expect(await (await portal.connect()).ending()).toBe('reset');
      await eventually(async () =>
        expect((await portal.counters()).failures).toEqual({ 'endpoint-reset': 1, 'leads-back': 4 }),
      );
    });

    it('have the datagrams that were passed on each way', async () => {
      const echo = await UdpEndpoint.bind(echoDatagram);
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ protocol: 'UDP', endpoints: [echo.endpoint] });
      const client = await portal.udpClient();
      for (let asked = 0; asked < 7; asked++) expect(await client.ask('?')).toBe('?');
      await eventually(async () =>
        expect(await portal.counters()).toMatchObject({
          datagramsIn: 7,
          datagramsOut: 7,
          bytesIn: 7,
          bytesOut: 7,
          droppedDatagrams: 0,
          droppedByReason: {},
          dialTimes: NO_DIALS,
        }),
      );
    });

    it('have the datagrams that were dropped, by reason', async () => {
      const closed = await UdpEndpoint.bind(echoDatagram);
      await closed.refuse();
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ protocol: 'UDP', endpoints: [closed.endpoint] });
      const client = await portal.udpClient();
      await client.send('nobody there');
      await eventually(async () =>
        expect(await portal.counters()).toMatchObject({
          failures: { 'icmp-refused': 1 },
          droppedDatagrams: 1,
          droppedByReason: { 'icmp-refused': 1 },
        }),
      );
      await portal.route([closed.endpoint], undefined, new Set([closed.endpoint.key]));
      await client.send('round and round');
      await eventually(async () =>
        expect(await portal.counters()).toMatchObject({
          failures: { 'icmp-refused': 1, 'leads-back': 1 },
          droppedDatagrams: 2,
          droppedByReason: { 'icmp-refused': 1, 'leads-back': 1 },
        }),
      );
    });
  });

  describe('session affinity', () => {
    it('is told of each client: to which endpoint, and for how long', async () => {
      const [a, b] = [await TcpEndpoint.listen(greet('a')), await TcpEndpoint.listen(greet('b'))];
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({
        endpoints: [a.endpoint, b.endpoint],
        sessionAffinity: CLIENT_IP,
      });
      expect(await relay.engine.affinity(portal.name, '127.0.0.1')).toBeNull();
      const { key } = (await portal.visit()) === 'a' ? a.endpoint : b.endpoint;
      await portal.visit({ localAddress: '127.0.0.2' });
      const bond = await relay.engine.affinity(portal.name, '127.0.0.1');
      expect(bond?.endpoint).toBe(key);
      expect(bond?.remainingMs).toBeGreaterThan(50_000);
      expect(bond?.remainingMs).toBeLessThanOrEqual(60_000);
      // The same address in another spelling.
      expect((await relay.engine.affinity(portal.name, '::ffff:127.0.0.1'))?.endpoint).toBe(key);
      expect((await portal.counters()).affinityEntries).toBe(2);
      expect(await relay.engine.affinity(portal.name, '127.0.0.3')).toBeNull();
      expect(await relay.engine.affinity('default/another', '127.0.0.1')).toBeNull();
      expect(await relay.engine.affinity(portal.name, 'no address')).toBeNull();
    });

    it('is over when its time is, also for whoever counts', async () => {
      const good = await TcpEndpoint.listen(greet('g'));
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({
        endpoints: [good.endpoint],
        sessionAffinity: { type: 'ClientIP', timeoutSeconds: 1 },
      });
      await portal.visit();
      expect((await portal.counters()).affinityEntries).toBe(1);
      await eventually(async () => {
        expect(await relay.engine.affinity(portal.name, '127.0.0.1')).toBeNull();
      });
      expect((await portal.counters()).affinityEntries).toBe(0);
    });

    it('is nobody’s where the portal has none', async () => {
      const good = await TcpEndpoint.listen(greet('g'));
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ endpoints: [good.endpoint] });
      await portal.visit();
      expect(await relay.engine.affinity(portal.name, '127.0.0.1')).toBeNull();
      expect((await portal.counters()).affinityEntries).toBe(0);
    });

    it('is that of a UDP client, too', async () => {
      const echo = await UdpEndpoint.bind(echoDatagram);
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({
        protocol: 'UDP',
        endpoints: [echo.endpoint],
        sessionAffinity: CLIENT_IP,
      });
      await (await portal.udpClient()).ask('?');
      expect((await relay.engine.affinity(portal.name, '127.0.0.1'))?.endpoint).toBe(echo.endpoint.key);
      expect((await portal.counters()).affinityEntries).toBe(1);
    });
  });
}

import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/deadline.js';
import { openSockets } from '../support/open-sockets.js';
import { cpuMsOf } from '../support/process-cpu.js';
import { greet, TcpEndpoint } from '../support/tcp-endpoint.js';
import type { TcpPeer } from '../support/tcp-peer.js';
import { echoDatagram, UdpEndpoint } from '../support/udp-endpoint.js';
import { RelayUnderTest, type StartEngine } from './contract-engine.js';

const MAX_OPEN_FILES = 60;
/** Two files each: more than fit. */
const CLIENTS = 45;
const IDLE_TIMEOUT_MS = 500;
const OBSERVED_MS = 300;
/** A relay that spins takes a whole core. */
const CPU_SHARE_AT_MOST = 0.5;
/** Once, and once more for what other threads had kept in reserve and gave when they heard of it. */
const TOLD_AT_MOST = 3;

/** Out of file descriptors: no new clients, no harm to the open ones, no spinning, and on with it when there is room. */
export function describeLimits(start: StartEngine): void {
  describe('an engine out of file descriptors', () => {
    const exhaust = async () => {
      const endpoint = await TcpEndpoint.listen(greet('g'));
      const relay = await RelayUnderTest.start(start, { maxOpenFiles: MAX_OPEN_FILES });
      const portal = await relay.open({ endpoints: [endpoint.endpoint] });
      const clients: TcpPeer[] = [];
      while (clients.length < CLIENTS) clients.push(await portal.connect());
      await eventually(() => expect(timesShort(relay)).toBe(1));
      const cpuShare = await cpuShareOver(OBSERVED_MS, relay.engine.pid);
      const served = clients.filter(({ bytesReceived }) => bytesReceived > 0);
      const unserved = clients.filter(({ bytesReceived }) => bytesReceived === 0);
      return { relay, portal, endpoint, served, unserved, cpuShare };
    };

    it('serves as many as fit, nobody beyond, and says so once', async () => {
      const { relay, portal, endpoint, served, unserved } = await exhaust();
      expect(served.length).toBeGreaterThan(10);
      expect(served.length).toBeLessThanOrEqual(MAX_OPEN_FILES / 2);
      expect(endpoint.connections).toBe(served.length);
      await eventually(() => expect(timesShort(relay)).toBe(1));
      const told = relay.observer.filesExhaustedAt;
      expect(new Set(told)).toEqual(new Set([MAX_OPEN_FILES]));
      expect(told.length).toBeLessThanOrEqual(TOLD_AT_MOST);
      // Beyond those that fit some wait; where the waiting room is full, a reset is better than a hang.
      const refused = unserved.filter(({ wasReset }) => wasReset).length;
      await eventually(async () => {
        expect((await portal.counters()).refusedForFiles).toBe(refused);
      });
      await eventually(() => {
        const told = relay.observer.failures.filter(({ reason }) => reason === 'out-of-files');
        expect(told.length).toBe(refused);
      });
    });

    it('never has more of them open than its limit, those of waiting clients included', async () => {
      const before = openSockets();
      const { endpoint, served, unserved } = await exhaust();
      const ofClients = [...served, ...unserved].filter(({ socket }) => !socket.closed).length;
      const ofEndpoint = 1 + endpoint.openConnections;
      expect(openSockets() - before - ofClients - ofEndpoint).toBeLessThanOrEqual(MAX_OPEN_FILES);
    });

    it('does not harm the connections that are open', async () => {
      const { served } = await exhaust();
      for (const client of served) {
        expect(await client.text(1)).toBe('g');
        await client.send('still there?');
        expect(await client.text(12)).toBe('still there?');
      }
    });

    it('does not spin', async () => {
      const { cpuShare } = await exhaust();
      expect(cpuShare).toBeLessThan(CPU_SHARE_AT_MOST);
    });

    it('serves those who wait, and new clients, as soon as others have ended', async () => {
      const { relay, portal, served, unserved } = await exhaust();
      for (const client of served) {
        await client.text(1);
        client.finish();
        await client.rest();
      }
      for (const client of unserved.filter(({ wasReset }) => !wasReset)) {
        expect(await client.text(1)).toBe('g');
        client.finish();
        await client.rest();
      }
      expect(await portal.visit()).toBe('g');
      await eventually(async () => {
        expect(relay.observer.filesAvailableAgain).toBe(relay.observer.filesExhaustedAt.length);
        expect(await portal.counters()).toMatchObject({ activeConnections: 0 });
      });
    });

    it('opens no further portal, and says why', async () => {
      const { relay, endpoint } = await exhaust();
      const another = relay.open({ name: 'default/another', endpoints: [endpoint.endpoint] });
      await expect(another).rejects.toMatchObject({
        code: 'PORTAL_OPEN_FAILED',
        message: expect.stringContaining(`${MAX_OPEN_FILES} files`),
      });
    });

    it('serves one who waits for each connection that ends, also while others wait', async () => {
      const { served, unserved } = await exhaust();
      const waiting = unserved.filter(({ wasReset }) => !wasReset);
      const [first, second] = waiting;
      if (first === undefined || second === undefined) throw new Error('nobody waits');
      for (const client of served.slice(0, 2)) client.reset();
      expect(await first.text(1)).toBe('g');
      expect(await second.text(1)).toBe('g');
    });

    it('serves those who wait for a connection when UDP sessions have ended', async () => {
      const [web, dns] = [await TcpEndpoint.listen(greet('g')), await UdpEndpoint.bind(echoDatagram)];
      const relay = await RelayUnderTest.start(start, {
        maxOpenFiles: MAX_OPEN_FILES,
        udpIdleTimeoutMs: IDLE_TIMEOUT_MS,
      });
      const udp = await relay.open({ protocol: 'UDP', name: 'default/dns', endpoints: [dns.endpoint] });
      const tcp = await relay.open({ endpoints: [web.endpoint] });
      for (let session = 0; session < MAX_OPEN_FILES; session += 1) await (await udp.udpClient()).ask('x');
      const client = await tcp.connect();
      await eventually(() => expect(relay.observer.filesExhaustedAt).toHaveLength(1));
      expect(await client.text(1)).toBe('g');
    });

    it('forgets a client that goes away while it waits', async () => {
      const { portal, served, unserved, endpoint } = await exhaust();
      for (const client of unserved) client.reset();
      for (const client of served) {
        await client.text(1);
        client.finish();
        await client.rest();
      }
      expect(await portal.visit()).toBe('g');
      await eventually(async () => {
        expect(await portal.counters()).toMatchObject({ activeConnections: 0 });
        expect(endpoint.openConnections).toBe(0);
      });
    });

    it('says so again the next time', async () => {
      const { relay, portal, served, unserved } = await exhaust();
      for (const client of [...served, ...unserved]) client.reset();
      await eventually(() => expect(timesShort(relay)).toBe(0));
      for (let client = 0; client < CLIENTS; client++) await portal.connect();
      await eventually(() => expect(timesShort(relay)).toBe(1));
    });

    it('goes on with its UDP sessions, and begins others when some have ended', async () => {
      const endpoint = await UdpEndpoint.bind(echoDatagram);
      const relay = await RelayUnderTest.start(start, {
        maxOpenFiles: MAX_OPEN_FILES,
        udpIdleTimeoutMs: IDLE_TIMEOUT_MS,
      });
      const portal = await relay.open({ protocol: 'UDP', endpoints: [endpoint.endpoint] });
      const first = await portal.udpClient();
      expect(await first.ask('x')).toBe('x');
      for (let client = 0; client < MAX_OPEN_FILES + 10; client++) await (await portal.udpClient()).send('y');
      expect(await first.askEcho('z', 3)).toBe('z');
      await eventually(async () => {
        expect((await portal.counters()).udpSessions).toBeLessThanOrEqual(MAX_OPEN_FILES);
      });
      await eventually(async () => expect(await portal.counters()).toMatchObject({ udpSessions: 0 }));
      expect(await (await portal.udpClient()).askEcho('room again', 3)).toBe('room again');
      await eventually(() =>
        expect(relay.observer.filesAvailableAgain).toBe(relay.observer.filesExhaustedAt.length),
      );
    });
  });
}

/** How often "out of files" was told without a "there is room again" since: 1 while the engine is short, else 0. */
const timesShort = ({ observer }: RelayUnderTest) =>
  observer.filesExhaustedAt.length - observer.filesAvailableAgain;

/** The share of one core that this process takes, and the engine's where that is another. */
async function cpuShareOver(ms: number, enginePid: number | undefined): Promise<number> {
  const ofEngine = () => (enginePid === undefined ? 0 : cpuMsOf(enginePid));
  const [before, engineBefore] = [process.cpuUsage(), ofEngine()];
  await pause(ms);
  const { user, system } = process.cpuUsage(before);
  return ((user + system) / 1_000 + ofEngine() - engineBefore) / ms;
}

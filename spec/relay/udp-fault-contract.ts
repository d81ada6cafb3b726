import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { endpoint } from '../../src/model/endpoint.js';
import { eventually } from '../support/deadline.js';
import { echoDatagram, UdpEndpoint } from '../support/udp-endpoint.js';
import { RelayUnderTest, type StartEngine } from './contract-engine.js';

/** Connecting a socket to it fails at once: sending there needs SO_BROADCAST (ip(7)). */
const UNCONNECTABLE = endpoint('255.255.255.255', 7000);

/** Sends one datagram with source port 0, which takes a raw socket: only root may. */
const SEND_FROM_PORT_0 = `
import socket, struct, sys
port = int(sys.argv[1])
udp = struct.pack('!HHHH', 0, port, 9, 0) + b'x'
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
raw.sendto(udp, ('127.0.0.1', 0))
`;

const mayForge = process.getuid?.() === 0 && spawnSync('python3', ['--version']).status === 0;

/** What one datagram, or one endpoint, must not be able to do to the others. */
export function describeUdpFaults(start: StartEngine): void {
  describe('a UDP endpoint that no socket can be connected to', () => {
    it('costs its client one datagram, which is counted; the next goes to another endpoint', async () => {
      const good = await UdpEndpoint.bind(echoDatagram);
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ protocol: 'UDP', endpoints: [UNCONNECTABLE] });
      const client = await portal.udpClient();
      await client.send('lost');
      await eventually(async () => {
        expect(await portal.counters()).toMatchObject({ droppedDatagrams: 1, udpSessions: 0 });
      });
      await eventually(async () => {
        expect(relay.observer.failures).toMatchObject([
          { endpoint: UNCONNECTABLE, reason: 'dial-failed', final: true },
        ]);
      });
      await portal.route([UNCONNECTABLE, good.endpoint]);
      expect(await client.ask('hello')).toBe('hello');
    });
  });

  describe('a UDP portal without endpoints', () => {
    it('does not make the sessions of others end to make room', async () => {
      const dns = await UdpEndpoint.bind(echoDatagram);
      const relay = await RelayUnderTest.start(start, { maxUdpSessions: 2 });
      const served = await relay.open({ protocol: 'UDP', name: 'default/dns', endpoints: [dns.endpoint] });
      const empty = await relay.open({ protocol: 'UDP', name: 'default/empty', endpoints: [] });
      const client = await served.udpClient();
      await client.ask('x');
      for (let n = 0; n < 5; n += 1) await (await empty.udpClient()).send('nowhere');
      await eventually(async () => {
        expect(await empty.counters()).toMatchObject({ noEndpoints: 5, totalUdpSessions: 0 });
      });
      expect(await served.counters()).toMatchObject({ udpSessions: 1, evictedUdpSessions: 0 });
      expect(relay.observer.udpSessionsExhaustedAt).toEqual([]);
    });
  });

  describe('a datagram from port 0', () => {
    it.skipIf(!mayForge)(
      'is dropped and counted, for nobody can be answered there (skipped but for root with python3)',
      async () => {
        const dns = await UdpEndpoint.bind(echoDatagram);
        const relay = await RelayUnderTest.start(start);
        const portal = await relay.open({ protocol: 'UDP', endpoints: [dns.endpoint] });
        const sent = spawnSync('python3', ['-c', SEND_FROM_PORT_0, `${portal.port}`]);
        expect(sent.status, String(sent.stderr)).toBe(0);
        await eventually(async () => {
          expect(await portal.counters()).toMatchObject({ droppedDatagrams: 1, totalUdpSessions: 0 });
        });
        expect(await (await portal.udpClient()).ask('still there?')).toBe('still there?');
      },
    );
  });
}

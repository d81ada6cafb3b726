import { describe, expect, it } from 'vitest';
import type { Protocol, SessionAffinity } from '../../src/model/service-port.js';
import { eventually } from '../support/deadline.js';
import { hasIPv6, otherAddress } from '../support/host-addresses.js';
import { openSockets } from '../support/open-sockets.js';
import { greet, handOver, TcpEndpoint } from '../support/tcp-endpoint.js';
import { echoDatagram, silent, UdpEndpoint } from '../support/udp-endpoint.js';
import { NO_AFFINITY, RelayUnderTest, type StartEngine } from './contract-engine.js';

/** TEST-NET-3 (RFC 5737): an address that no host has. */
const NOT_OF_THIS_HOST = '203.0.113.1';
const CLIENT_IP: SessionAffinity = { type: 'ClientIP', timeoutSeconds: 60 };
const PROTOCOLS: readonly Protocol[] = ['TCP', 'UDP'];

/** Opening portals: where they listen, and what happens where they cannot. */
export function describePortal(start: StartEngine): void {
  describe('open', () => {
    it.each(PROTOCOLS)('of port 0 lets the kernel choose, and tells the port (%s)', async (protocol) => {
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ protocol, endpoints: [] });
      expect(portal.port).toBeGreaterThan(0);
      expect(portal.address).toBe('127.0.0.1');
      expect(relay.engine.portals()).toEqual(
        new Map([[portal.name, { protocol, address: '127.0.0.1', port: portal.port }]]),
      );
    });

    it('of a port takes that one, which TCP and UDP may share', async () => {
      const relay = await RelayUnderTest.start(start);
      const tcp = await TcpEndpoint.listen(greet('t'));
      const udp = await UdpEndpoint.bind(echoDatagram);
      const first = await relay.open({ name: 'kube-system/dns:tcp', endpoints: [tcp.endpoint] });
      const second = await relay.open({
        name: 'kube-system/dns:udp',
        protocol: 'UDP',
        port: first.port,
        endpoints: [udp.endpoint],
      });
      expect(second.port).toBe(first.port);
      expect(await first.visit()).toBe('t');
      expect(await (await second.udpClient()).ask('u')).toBe('u');
    });

    it.each(['127.0.0.1', '0.0.0.0'])(
      'on %s says that another program holds the TCP port, and leaves nothing behind',
      async (address) => {
        const relay = await RelayUnderTest.start(start);
        const { port } = (await TcpEndpoint.listen(handOver)).endpoint;
        await expectRefusedOpen(relay, { protocol: 'TCP', address, port }, 'PORTAL_PORT_IN_USE');
      },
    );

    it.each([
      ['127.0.0.1', '127.0.0.1'],
      ['0.0.0.0', '127.0.0.1'],
      ['0.0.0.0', otherAddress ?? '127.0.0.1'],
    ])(
      'on %s says that another program holds the UDP port of %s, and leaves nothing behind',
      async (address, held) => {
        const relay = await RelayUnderTest.start(start);
        const { port } = (await UdpEndpoint.bind(silent, held)).endpoint;
        await expectRefusedOpen(relay, { protocol: 'UDP', address, port }, 'PORTAL_PORT_IN_USE');
      },
    );

    it.each(PROTOCOLS)('says that another portal holds the %s port, which goes on', async (protocol) => {
      const relay = await RelayUnderTest.start(start);
      const first = await relay.open({ protocol, endpoints: [] });
      await expect(
        relay.open({ name: 'default/second', protocol, port: first.port, endpoints: [] }),
      ).rejects.toMatchObject({ name: 'KubeSpliceError', code: 'PORTAL_PORT_IN_USE' });
      expect([...relay.engine.portals().keys()]).toEqual([first.name]);
    });

    it.each(PROTOCOLS)('says that it cannot listen on an address of another host (%s)', async (protocol) => {
      const relay = await RelayUnderTest.start(start);
      const request = { protocol, address: NOT_OF_THIS_HOST, port: 0 };
      await expectRefusedOpen(relay, request, 'PORTAL_OPEN_FAILED');
    });

    it.runIf(hasIPv6)('listens on an IPv6 address, for IPv6 endpoints (skipped without ::1)', async () => {
      const relay = await RelayUnderTest.start(start);
      const tcp = await TcpEndpoint.listen(greet('6'), '::1');
      const udp = await UdpEndpoint.bind(echoDatagram, '::1');
      const first = await relay.open({ name: 'default/tcp', address: '::1', endpoints: [tcp.endpoint] });
      const second = await relay.open({
        name: 'default/udp',
        protocol: 'UDP',
        address: '::1',
        endpoints: [udp.endpoint],
      });
      expect(first.address).toBe('::1');
      expect(await first.visit({ address: '::1' })).toBe('6');
      expect(await (await second.udpClient({ address: '::1' })).ask('six')).toBe('six');
      expect([...(await first.counters()).endpoints.keys()]).toEqual([`[::1]:${tcp.endpoint.port}`]);
    });

    it.runIf(hasIPv6)(
      'on :: serves both families, and knows an IPv4 client by its IPv4 address (skipped without ::1)',
      async () => {
        const relay = await RelayUnderTest.start(start);
        const endpoints = [await TcpEndpoint.listen(greet('a')), await TcpEndpoint.listen(greet('b'))];
        const portal = await relay.open({
          address: '::',
          endpoints: endpoints.map(({ endpoint }) => endpoint),
          sessionAffinity: CLIENT_IP,
        });
        const four = await portal.visit({ address: '127.0.0.1' });
        expect(await portal.visit({ address: '::1' })).not.toBe(four);
        expect(await portal.visit({ address: '127.0.0.1' })).toBe(four);
        await portal.route([]);
        const refused = await portal.connect({ address: '127.0.0.1' });
        expect(await refused.ending()).toBe('reset');
        await eventually(() =>
          expect(relay.observer.failures).toMatchObject([{ client: { address: '127.0.0.1' } }]),
        );
      },
    );

    it.runIf(hasIPv6)('brings IPv4 clients to IPv6 endpoints (skipped without ::1)', async () => {
      const relay = await RelayUnderTest.start(start);
      const tcp = await TcpEndpoint.listen(greet('6'), '::1');
      const udp = await UdpEndpoint.bind(echoDatagram, '::1');
      const first = await relay.open({ name: 'default/tcp', endpoints: [tcp.endpoint] });
      const second = await relay.open({ name: 'default/udp', protocol: 'UDP', endpoints: [udp.endpoint] });
      expect(await first.visit()).toBe('6');
      expect(await (await second.udpClient()).ask('six')).toBe('six');
    });

    it.runIf(hasIPv6)('on :: serves UDP clients of both families (skipped without ::1)', async () => {
      const relay = await RelayUnderTest.start(start);
      const endpoint = await UdpEndpoint.bind(echoDatagram);
      const portal = await relay.open({ protocol: 'UDP', address: '::', endpoints: [endpoint.endpoint] });
      expect(await (await portal.udpClient({ address: '127.0.0.1' })).ask('four')).toBe('four');
      expect(await (await portal.udpClient({ address: '::1' })).ask('six')).toBe('six');
      await eventually(async () => {
        expect(await portal.counters()).toMatchObject({ udpSessions: 2 });
      });
      await portal.route([]);
      await (await portal.udpClient({ address: '127.0.0.1' })).send('to nobody');
      await eventually(() =>
        expect(relay.observer.failures).toMatchObject([{ client: { address: '127.0.0.1' } }]),
      );
    });
  });
}

interface Request {
  readonly protocol: Protocol;
  readonly address: string;
  readonly port: number;
}

async function expectRefusedOpen(relay: RelayUnderTest, request: Request, code: string): Promise<void> {
  const { engine } = relay;
  const name = 'default/whoami:http';
  const routing = { endpoints: [], sessionAffinity: NO_AFFINITY };
  const before = openSockets();
  await expect(engine.open({ ...request, name, routing })).rejects.toMatchObject({
    name: 'KubeSpliceError',
    code,
  });
  expect(engine.portals().size).toBe(0);
  expect((await engine.counters()).size).toBe(0);
  await eventually(() => expect(openSockets()).toBe(before));
  await engine.open({ ...request, name, routing, address: '127.0.0.1', port: 0 });
  expect([...engine.portals().keys()]).toEqual([name]);
}

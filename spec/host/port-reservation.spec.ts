import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type HeldPort, holdPort } from '../../src/host/port-reservation.js';
import type { Protocol } from '../../src/model/service-port.js';
import { within } from '../support/deadline.js';
import { hasIPv6 } from '../support/host-addresses.js';

const PROTOCOLS: readonly Protocol[] = ['TCP', 'UDP'];

/** Another program's socket; rejects where the kernel refuses it. */
async function bound(protocol: Protocol, address: string, port = 0): Promise<number> {
  if (protocol === 'TCP') {
    const server = createServer().listen({ port, host: address, ipv6Only: true });
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const at = server.address();
    return typeof at === 'object' && at !== null ? at.port : 0;
  }
  const isIPv6 = address.includes(':');
  const socket = createSocket(isIPv6 ? { type: 'udp6', ipv6Only: true } : { type: 'udp4' });
  onTestFinished(() => new Promise((resolve) => socket.close(() => resolve())));
  socket.bind(port, address);
  await once(socket, 'listening');
  return socket.address().port;
}

/** A port that is held, of those that the kernel gives to nobody by itself. */
async function held(protocol: Protocol): Promise<HeldPort & { readonly port: number }> {
  for (let port = 30_100; port < 30_200; port += 1) {
    try {
      const reservation = await holdPort(protocol, port);
      onTestFinished(() => reservation.release());
      return { port, release: () => reservation.release() };
    } catch {
      // Someone else's on this host: the next one.
    }
  }
  throw new Error(`none of a hundred ${protocol} ports could be held`);
}

describe.each(PROTOCOLS)('a %s port that is held', (protocol) => {
  it.each(['127.0.0.1', '0.0.0.0', ...(hasIPv6 ? ['::1', '::'] : [])])(
    'can be bound by nobody else at %s, until it is released',
    async (address) => {
      const { port, release } = await held(protocol);
      await expect(bound(protocol, address, port)).rejects.toMatchObject({ code: 'EADDRINUSE' });
      await within('the release', release());
      await expect(within('the port', bound(protocol, address, port))).resolves.toBe(port);
    },
  );

  it('leaves the port of the other protocol alone', async () => {
    const { port } = await held(protocol);
    const other = protocol === 'TCP' ? 'UDP' : 'TCP';
    await expect(within('the port', bound(other, '127.0.0.1', port))).resolves.toBe(port);
  });

  it('can be released twice, and held again', async () => {
    const { port, release } = await held(protocol);
    await within('both releases', Promise.all([release(), release()]));
    const again = await holdPort(protocol, port);
    await within('its release', again.release());
  });

  it.each(['127.0.0.1', ...(hasIPv6 ? ['::1', '::'] : [])])(
    "says so where it is another program's at %s, and leaves nothing held",
    async (address) => {
      const port = await bound(protocol, address);
      await expect(holdPort(protocol, port)).rejects.toMatchObject({
        code: 'NODE_PORT_IN_USE',
        message: `node port ${port}/${protocol} is in use`,
        cause: { code: 'EADDRINUSE' },
      });
      if (address === '::1') await expect(bound(protocol, '127.0.0.1', port)).resolves.toBe(port);
    },
  );
});

describe('what arrives at a port that is held', () => {
  it.each(['127.0.0.1', ...(hasIPv6 ? ['::1'] : [])])('over TCP at %s is reset', async (address) => {
    const { port, release } = await held('TCP');
    const client = connect(port, address);
    client.write('hello');
    const [error] = await within('the reset', once(client, 'error'));
    expect(error).toMatchObject({ code: 'ECONNRESET' });
    await within('the release', release());
  });

  it.each(['127.0.0.1', ...(hasIPv6 ? ['::1'] : [])])(
    'over UDP at %s is dropped: the sender is told nothing',
    async (address) => {
      const { port } = await held('UDP');
      const client = createSocket(address.includes(':') ? 'udp6' : 'udp4');
      onTestFinished(() => void client.close());
      const heard: unknown[] = [];
      client.on('error', (error) => heard.push(error)).on('message', (message) => heard.push(message));
      client.connect(port, address);
      await once(client, 'connect');
      // A second datagram would fail with ECONNREFUSED, had the first one been refused.
      for (const text of ['one', 'two', 'three'])
        await within(text, new Promise((sent) => client.send(text, sent)));
      expect(heard).toEqual([]);
    },
  );
});

describe('a port that there is not', () => {
  it('can not be held, for the reason that the system gives', async () => {
    await expect(holdPort('TCP', 65_536)).rejects.toMatchObject({
      code: 'NODE_PORT_UNAVAILABLE',
      message: expect.stringMatching(/^node port 65536\/TCP can't be held: .+65536/),
    });
  });
});

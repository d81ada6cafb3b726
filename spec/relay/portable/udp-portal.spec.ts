import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { PortableRelay } from '../../../src/relay/portable/portable-relay.js';
import { eventually } from '../../support/deadline.js';
import { RecordingObserver } from '../../support/recording-observer.js';
import { echoDatagram, UdpEndpoint } from '../../support/udp-endpoint.js';

const NAME = 'default/echo';

/** A relay on a host whose addresses are these until `addresses` is set to others. */
async function startOn(...addresses: string[]) {
  const host = { addresses };
  const relay = new PortableRelay({
    udpIdleTimeoutMs: 5_000,
    maxOpenFiles: 100,
    maxUdpSessions: 10,
    observer: new RecordingObserver(),
    localAddresses: () => host.addresses,
  });
  onTestFinished(() => relay.shutdown(0));
  const endpoint = await UdpEndpoint.bind(echoDatagram);
  const routing = { endpoints: [endpoint.endpoint], sessionAffinity: { type: 'None' } } as const;
  const { port } = await relay.open({ name: NAME, protocol: 'UDP', address: '0.0.0.0', port: 0, routing });
  return { relay, host, port };
}

/** What a client hears that sends to this address: an answer, or a refusal. */
async function ask(address: string, port: number): Promise<string> {
  const socket = createSocket('udp4');
  try {
    socket.connect(port, address);
    await once(socket, 'connect');
    socket.send('hello');
    return await new Promise((resolve) => {
      socket.once('message', (message) => resolve(String(message)));
      socket.once('error', () => resolve('refused'));
    });
  } finally {
    socket.close();
  }
}

describe('a UDP portal on every address of its host', () => {
  it('answers on each of them, from the address that was asked', async () => {
    const { port } = await startOn('127.0.0.1', '127.0.0.2');
    expect([await ask('127.0.0.1', port), await ask('127.0.0.2', port)]).toEqual(['hello', 'hello']);
  });

  it('listens on an address that the host has gained', async () => {
    const { relay, host, port } = await startOn('127.0.0.1');
    expect(await ask('127.0.0.2', port)).toBe('refused');
    host.addresses = ['127.0.0.1', '127.0.0.2'];
    relay.refreshLocalAddresses();
    await eventually(async () => expect(await ask('127.0.0.2', port)).toBe('hello'));
  });

  it('no longer listens on an address that the host has lost, and ends its sessions', async () => {
    const { relay, host, port } = await startOn('127.0.0.1', '127.0.0.2');
    await ask('127.0.0.2', port);
    host.addresses = ['127.0.0.1'];
    relay.refreshLocalAddresses();
    await eventually(async () => expect(await ask('127.0.0.2', port)).toBe('refused'));
    expect((await relay.counters()).get(NAME)?.udpSessions).toBe(0);
    expect(await ask('127.0.0.1', port)).toBe('hello');
  });

  it('opens without an address that is not usable yet, and takes it up when it is', async () => {
    const { port } = await startOn('127.0.0.1', '198.51.100.1');
    expect(await ask('127.0.0.1', port)).toBe('hello');
  });

  it('goes on where another program holds its port on an address that came later', async () => {
    const { relay, host, port } = await startOn('127.0.0.1');
    const other = createSocket('udp4').bind(port, '127.0.0.2');
    await once(other, 'listening');
    onTestFinished(() => void other.close());
    host.addresses = ['127.0.0.2', '127.0.0.1'];
    relay.refreshLocalAddresses();
    expect(await ask('127.0.0.1', port)).toBe('hello');
  });
});

describe('a UDP portal where one address is taken', () => {
  it('listens on those that come after it all the same', async () => {
    const { relay, host, port } = await startOn('127.0.0.1');
    const other = createSocket('udp4').bind(port, '127.0.0.2');
    await once(other, 'listening');
    onTestFinished(() => void other.close());
    host.addresses = ['127.0.0.1', '127.0.0.2', '127.0.0.3'];
    relay.refreshLocalAddresses();
    await eventually(async () => expect(await ask('127.0.0.3', port)).toBe('hello'));
  });
});

describe('a UDP portal on a host none of whose addresses can be bound', () => {
  it('does not open', async () => {
    await expect(startOn('198.51.100.1', '198.51.100.2')).rejects.toMatchObject({
      code: 'PORTAL_OPEN_FAILED',
    });
  });
});

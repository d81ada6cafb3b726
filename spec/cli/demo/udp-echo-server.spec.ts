import { describe, expect, it, onTestFinished } from 'vitest';
import { startUdpEchoServer } from '../../../src/cli/demo/udp-echo-server.js';
import { UdpClient } from '../../support/udp-client.js';

const PLACE = { name: 'echo-3', address: '127.0.0.1', port: 0 };

async function start() {
  const server = await startUdpEchoServer(PLACE);
  let stopped = false;
  const stop = async () => {
    if (!stopped) await server.stop();
    stopped = true;
  };
  onTestFinished(stop);
  return { port: server.port, stop };
}

describe('a UDP echo server', () => {
  it('sends each datagram back to its sender, with its name before it', async () => {
    const { port } = await start();
    const clients = [
      await UdpClient.connect({ ...PLACE, port }),
      await UdpClient.connect({ ...PLACE, port }),
    ];
    const answers = await Promise.all(clients.map((client, index) => client.ask(`hello ${index}`)));
    expect(answers).toEqual(['echo-3: hello 0', 'echo-3: hello 1']);
  });

  it('loses none of those that arrive together', async () => {
    const { port } = await start();
    const client = await UdpClient.connect({ ...PLACE, port });
    const sent = Array.from({ length: 20 }, (_, index) => `burst ${index}`);
    await Promise.all(sent.map((payload) => client.send(payload)));
    const received: string[] = [];
    while (received.length < sent.length) received.push((await client.receive()).toString());
    expect(received.toSorted()).toEqual(sent.map((payload) => `echo-3: ${payload}`).toSorted());
  });

  it('answers the next one after one that is too long to send back', async () => {
    const { port } = await start();
    const client = await UdpClient.connect({ ...PLACE, port });
    await client.send(Buffer.alloc(65_507));
    expect(await client.ask('still there?')).toBe('echo-3: still there?');
  });

  it('rejects where the port is taken, and frees it when it stops', async () => {
    const first = await start();
    const place = { ...PLACE, port: first.port };
    await expect(startUdpEchoServer(place)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await first.stop();
    const second = await startUdpEchoServer(place);
    await second.stop();
    expect(second.port).toBe(first.port);
  });
});

import { once } from 'node:events';
import { createServer } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { EchoClient, WhoamiClient } from '../../../src/cli/demo/demo-client.js';
import { startUdpEchoServer } from '../../../src/cli/demo/udp-echo-server.js';
import { startWhoamiServer } from '../../../src/cli/demo/whoami-server.js';
import { readNothing, TcpEndpoint } from '../../support/tcp-endpoint.js';
import { UdpEndpoint } from '../../support/udp-endpoint.js';

const ADDRESS = '127.0.0.1';
const SHORT_MS = 100;

describe('the whoami client', () => {
  it('tells who answered', async () => {
    const server = await startWhoamiServer({ name: 'whoami-2', address: ADDRESS, port: 0 });
    onTestFinished(() => server.stop());
    expect(await new WhoamiClient({ address: ADDRESS, port: server.port }).ask()).toBe('whoami-2');
  });

  it('shows an answer that is not one of a whoami server', async () => {
    const server = createServer((_, response) =>
      response.writeHead(200, { connection: 'close' }).end('hello\n'),
    );
    server.listen(0, ADDRESS);
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const bound = server.address();
    const port = typeof bound === 'object' ? (bound?.port ?? 0) : 0;
    await expect(new WhoamiClient({ address: ADDRESS, port }).ask()).rejects.toThrow(
      'the answer was "hello\\n"',
    );
  });

  it('gives up on one that does not answer', async () => {
    const { endpoint } = await TcpEndpoint.listen(readNothing);
    await expect(new WhoamiClient(endpoint, SHORT_MS).ask()).rejects.toThrow(/abort/i);
  });
});

describe('the echo client', () => {
  it('tells who answered, and asks from a new port each time', async () => {
    const server = await UdpEndpoint.bind((payload) => Buffer.from(`echo-1: ${payload}`));
    const client = new EchoClient(server.endpoint);
    onTestFinished(() => client.close());
    expect([await client.ask(), await client.ask(), await client.ask()]).toEqual([
      'echo-1',
      'echo-1',
      'echo-1',
    ]);
    expect(server.sources.size).toBe(3);
  });

  it('shows an answer that is not the echo of its question', async () => {
    const server = await startUdpEchoServer({ name: 'two words', address: ADDRESS, port: 0 });
    onTestFinished(() => server.stop());
    const client = new EchoClient({ address: ADDRESS, port: server.port });
    onTestFinished(() => client.close());
    await expect(client.ask()).rejects.toThrow('the answer was "two words: hello 1"');
  });
});

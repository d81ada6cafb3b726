import { describe, expect, it, onTestFinished } from 'vitest';
import type { DemoEndpoint } from '../../../src/cli/demo/demo-manifest.js';
import { type DemoServer, startDemoServers, stopDemoServers } from '../../../src/cli/demo/demo-server.js';
import { startUdpEchoServer } from '../../../src/cli/demo/udp-echo-server.js';
import { startWhoamiServer } from '../../../src/cli/demo/whoami-server.js';
import { UdpClient } from '../../support/udp-client.js';

const ADDRESS = '127.0.0.1';

function whoami(port: number, address = ADDRESS): DemoEndpoint {
  return { service: 'default/whoami', name: 'whoami-1', protocol: 'TCP', address, port, document: 1 };
}

function echo(port: number): DemoEndpoint {
  return { service: 'default/echo', name: 'echo-1', protocol: 'UDP', address: ADDRESS, port, document: 3 };
}

async function start(...endpoints: DemoEndpoint[]): Promise<DemoServer[]> {
  const servers = await startDemoServers(endpoints);
  onTestFinished(() => stopDemoServers(servers));
  return servers;
}

describe('the servers of the demo', () => {
  it('play the endpoints of either protocol', async () => {
    const [web, udp] = await start(whoami(0), echo(0));
    const response = await fetch(`http://${ADDRESS}:${web?.port}/`);
    expect(await response.text()).toBe('viola from whoami-1\n');
    const client = await UdpClient.connect({ address: ADDRESS, port: udp?.port ?? 0 });
    expect(await client.ask('hello')).toBe('echo-1: hello');
  });

  it('listen on a free port where the declared one is taken', async () => {
    const taken = [
      await startWhoamiServer({ name: 'other', address: ADDRESS, port: 0 }),
      await startUdpEchoServer({ name: 'other', address: ADDRESS, port: 0 }),
    ];
    onTestFinished(async () => {
      for (const server of taken) await server.stop();
    });
    const endpoints = [whoami(taken[0]?.port ?? 0), echo(taken[1]?.port ?? 0)];
    const servers = await start(...endpoints);
    expect(servers.map(({ endpoint }) => endpoint)).toEqual(endpoints);
    for (const { endpoint, port } of servers) expect(port).not.toBe(endpoint.port);
  });

  it('are all stopped when one of them cannot be started', async () => {
    const [first] = await start(whoami(0));
    await stopDemoServers(first === undefined ? [] : [first]);
    const port = first?.port ?? 0;
    await expect(startDemoServers([whoami(port), whoami(port, '192.0.2.1')])).rejects.toMatchObject({
      code: 'EADDRNOTAVAIL',
    });
    const again = await startWhoamiServer({ name: 'again', address: ADDRESS, port });
    await again.stop();
    expect(again.port).toBe(port);
  });
});

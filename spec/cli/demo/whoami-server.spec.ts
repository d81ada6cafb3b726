import { describe, expect, it, onTestFinished } from 'vitest';
import type { ListeningServer } from '../../../src/cli/demo/listening-server.js';
import { startWhoamiServer } from '../../../src/cli/demo/whoami-server.js';
import { within } from '../../support/deadline.js';
import { tcpConnect } from '../../support/tcp-peer.js';

const PLACE = { name: 'whoami-2', address: '127.0.0.1', port: 0 };

async function start(): Promise<ListeningServer> {
  const server = await startWhoamiServer(PLACE);
  onTestFinished(() => server.stop());
  return server;
}

describe('a whoami server', () => {
  it.each(['GET', 'POST'])('says its name, whatever it is asked: %s', async (method) => {
    const { port } = await start();
    const response = await fetch(`http://127.0.0.1:${port}/any/path`, {
      method,
      ...(method === 'POST' ? { body: 'x'.repeat(100_000) } : {}),
    });
    expect(response.status).toBe(200);
    expect(response.headers.get('connection')).toBe('close');
    expect(await response.text()).toBe('viola from whoami-2\n');
  });

  it('rejects where the port is taken', async () => {
    const { port } = await start();
    await expect(startWhoamiServer({ ...PLACE, port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  it('stops at once, even with a client that says nothing', async () => {
    const server = await startWhoamiServer(PLACE);
    const client = await tcpConnect({ address: PLACE.address, port: server.port });
    await within('the stop', server.stop());
    await within('the end of the connection', client.ending());
  });
});

import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { reset } from '../../../src/relay/portable/reset.js';
import { within } from '../../support/deadline.js';
import { portOf } from '../../support/tcp-endpoint.js';

/** Both ends of one connection, each allowed to be half-open and being read. */
async function connection(): Promise<{ ours: Socket; theirs: Socket }> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const ours = connect({ port: portOf(server), host: '127.0.0.1', allowHalfOpen: true });
  const [theirs]: Socket[] = await once(server, 'connection');
  server.close();
  if (theirs === undefined) throw new Error('nobody connected');
  for (const socket of [ours, theirs]) {
    socket.resume();
    socket.on('error', () => {});
    onTestFinished(() => void socket.destroy());
  }
  return { ours, theirs };
}

describe('a reset', () => {
  it('reaches the peer as one', async () => {
    const { ours, theirs } = await connection();
    const seen = new Promise((resolve) => theirs.once('error', resolve));
    reset(ours);
    await expect(within('the reset', seen)).resolves.toMatchObject({ code: 'ECONNRESET' });
  });

  it('waits for a FIN that is on its way, and leaves no descriptor open', async () => {
    const { ours, theirs } = await connection();
    const failed = new Promise((resolve) => theirs.once('error', resolve));
    const keepsSending = setInterval(() => theirs.write('more'), 5);
    onTestFinished(() => clearInterval(keepsSending));
    ours.end();
    reset(ours);
    await within('the close of our socket', once(ours, 'close'));
    // The peer goes on sending to a socket that is gone: it is told so.
    await within('the reset', failed);
    expect(ours.destroyed).toBe(true);
  });

  it('does nothing to a socket that is closed already', async () => {
    const { ours, theirs } = await connection();
    ours.destroy();
    await once(ours, 'close');
    reset(ours);
    expect(ours.destroyed).toBe(true);
    theirs.destroy();
  });
});

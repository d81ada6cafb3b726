import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, connect as dial, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DEADLINE_MS, within } from '../../support/deadline.js';
import { NATIVE_RELAY, NATIVE_RELAY_MISSING, startRelayProgram } from '../../support/native-relay-program.js';
import { temporaryDirectory } from '../../support/temporary-directory.js';

/** More than wait to be accepted. */
const CROWD = 20;
/** What `--ping` gives a relay is 5 s. */
const PATIENCE_MS = 2 * DEADLINE_MS;
/** The relay speaks with eight at once. */
const MOST_PEERS = 8;

/** How `--ping` ends, and what it says. */
async function ping(...argv: readonly string[]): Promise<{ code: unknown; stderr: string }> {
  const child = spawn(NATIVE_RELAY, ['--ping', ...argv], { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (text) => {
    stderr += text;
  });
  const [code] = await within('the end of --ping', once(child, 'close'), PATIENCE_MS);
  return { code, stderr };
}

const ANSWERED = { code: 0, stderr: '' };

async function connected(path: string): Promise<Socket> {
  const socket = dial(path);
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

describe.skipIf(NATIVE_RELAY_MISSING)('kube-splice-relay --ping (skipped where it is not built)', () => {
  it('ends well where the relay answers, also one that has as many peers as it takes', async () => {
    const path = join(temporaryDirectory(), 'relay.sock');
    await startRelayProgram(path);
    expect(await ping('--socket', path)).toEqual(ANSWERED);
    const peers = await Promise.all(Array.from({ length: MOST_PEERS }, () => connected(path)));
    await Promise.all(peers.map((peer) => once(peer, 'data')));
    expect(await ping('--socket', path)).toEqual(ANSWERED);
  });

  it('says that nobody listens', async () => {
    const path = join(temporaryDirectory(), 'relay.sock');
    expect(await ping('--socket', path)).toEqual({
      code: 1,
      stderr: `kube-splice-relay: nobody listens on ${path}\n`,
    });
  });

  it('does not wait for ever for one that hangs, or for a place in its queue', async () => {
    const path = join(temporaryDirectory(), 'relay.sock');
    const relay = await startRelayProgram(path);
    process.kill(relay.pid, 'SIGSTOP');
    expect(await ping('--socket', path)).toEqual({
      code: 1,
      stderr: `kube-splice-relay: who listens on ${path} says nothing within 5000 ms\n`,
    });
    const crowd = Array.from({ length: CROWD }, () => dial(path).on('error', () => undefined));
    onTestFinished(() => crowd.forEach((socket) => void socket.destroy()));
    expect(await ping('--socket', path)).toEqual({
      code: 1,
      stderr: expect.stringContaining(`cannot connect to ${path}: EAGAIN`),
    });
  });

  it('knows one that is no relay', async () => {
    const path = join(temporaryDirectory(), 'other.sock');
    const server = createServer((peer) => peer.end()).listen(path);
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    expect(await ping('--socket', path)).toEqual({
      code: 1,
      stderr: `kube-splice-relay: who listens on ${path} is no relay\n`,
    });
  });

  it('wants to know where', async () => {
    const fails = { code: 2, stderr: 'kube-splice-relay: --ping goes with --socket PATH only\n' };
    expect(await ping('--control-fd', '3')).toEqual(fails);
  });
});

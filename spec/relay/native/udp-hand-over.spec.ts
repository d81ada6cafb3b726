import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { eventually } from '../../support/deadline.js';
import { NATIVE_RELAY_MISSING, startRelayProgram } from '../../support/native-relay-program.js';
import { RelayPeer } from '../../support/relay-program.js';
import { temporaryDirectory } from '../../support/temporary-directory.js';
import { UdpClient } from '../../support/udp-client.js';
import { silent, UdpEndpoint } from '../../support/udp-endpoint.js';

const IDLE_TIMEOUT_MS = 100;
/** Less than a relay has that was not told: what is late is late because this was handed over. */
const REPLY_TIMEOUT_MS = 2_000;
const LATE_MS = 1_000;

async function greeted(socket: string): Promise<RelayPeer> {
  const peer = await RelayPeer.connect(socket);
  await peer.lines(1);
  peer.send('1 hello 1\n');
  await peer.lines(1);
  return peer;
}

/** A relay with one UDP portal, then another in its place that nobody tells anything, and clients that each wait for an answer. */
async function upgradedWhileOwed(clients: number) {
  const socket = join(temporaryDirectory(), 'relay.sock');
  const old = await startRelayProgram(socket, '--threads', '2');
  const endpoint = await UdpEndpoint.bind(silent);
  const peer = await greeted(socket);
  peer.send(`2 configure udp-idle-ms=${IDLE_TIMEOUT_MS} udp-reply-ms=${REPLY_TIMEOUT_MS}\n`);
  peer.send(`3 portal dns udp 127.0.0.1 0 affinity=none endpoints=1\n3 endpoint ${endpoint.key}\n`);
  const [, opened = ''] = await peer.lines(2);
  const port = Number(opened.split(' ').at(-1));
  peer.end();
  const asking: UdpClient[] = [];
  for (let made = 1; made <= clients; made++) {
    const client = await UdpClient.connect({ address: '127.0.0.1', port });
    await client.send('question');
    await eventually(() => expect(endpoint.received.length).toBe(made));
    asking.push(client);
  }
  const asked = performance.now();
  await startRelayProgram(socket, '--take-over', '--threads', '1');
  expect(await old.ended).toBe(0);
  return { socket, endpoint, asking, asked };
}

describe.skipIf(NATIVE_RELAY_MISSING)(
  'a native relay that takes over while UDP answers are owed (skipped where it is not built)',
  () => {
    it('lets them arrive after the idle timeout, and no later than its predecessor would', async () => {
      const { socket, endpoint, asking, asked } = await upgradedWhileOwed(2);
      const [first, second] = asking;
      await pause(LATE_MS - (performance.now() - asked));
      endpoint.send('answer', endpoint.received[0]?.port ?? 0);
      expect((await first?.receive())?.toString()).toBe('answer');
      const peer = await greeted(socket);
      await eventually(async () => {
        peer.send('2 counters\n');
        expect((await peer.lines(3))[0]).toContain('udp-sessions=0 udp-total=2 udp-evicted=0 dropped=0');
      });
      const tookMs = performance.now() - asked;
      expect(tookMs).toBeGreaterThan(REPLY_TIMEOUT_MS - 100);
      expect(tookMs).toBeLessThan(2 * REPLY_TIMEOUT_MS);
      endpoint.send('too late', endpoint.received[1]?.port ?? 0);
      await second?.send('another question');
      await eventually(() => expect(endpoint.received.length).toBe(3));
      endpoint.sendToLastSource('in time');
      expect((await second?.receive())?.toString()).toBe('in time');
      peer.end();
    });
  },
);

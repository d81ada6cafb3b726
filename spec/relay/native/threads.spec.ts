import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { NATIVE_RELAY_MISSING, startRelayProgram } from '../../support/native-relay-program.js';
import { nativeWebPortal } from '../../support/native-web-portal.js';
import { greet, TcpEndpoint } from '../../support/tcp-endpoint.js';
import { type TcpPeer, tcpConnect } from '../../support/tcp-peer.js';

const THREADS = 4;
const CLIENTS = 200;
const SOCKETS_EACH = (2 * CLIENTS) / THREADS;
/** `0A` in the fourth column of /proc/net/tcp: LISTEN. */
const LISTEN = '0A';
const IS_ROOT = process.getuid?.() === 0;

describe.skipIf(NATIVE_RELAY_MISSING || !IS_ROOT)(
  `the native relay with ${THREADS} threads (skipped where it is not built, and but for root)`,
  () => {
    it('has one listening socket for a portal, and spreads connections evenly', async () => {
      const endpoint = await TcpEndpoint.listen(greet('g'));
      const { port, pid } = await nativeWebPortal(
        (socket) => startRelayProgram(socket, '--threads', `${THREADS}`),
        endpoint.endpoint,
      );
      const clients: TcpPeer[] = [];
      while (clients.length < CLIENTS) {
        const client = await tcpConnect({ address: '127.0.0.1', port });
        expect(await client.text(1)).toBe('g');
        clients.push(client);
      }
      expect(listenersOn(port)).toBe(1);
      const watched = watchedByEpolls(pid).filter((count) => count > SOCKETS_EACH / 2);
      expect(watched).toHaveLength(THREADS);
      for (const count of watched) {
        expect(count).toBeGreaterThan(SOCKETS_EACH * 0.8);
        expect(count).toBeLessThan(SOCKETS_EACH * 1.2);
      }
    });
  },
);

/** How many sockets listen on a port of 127.0.0.1 (proc(5), /proc/net/tcp). */
function listenersOn(port: number): number {
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const lines = readFileSync('/proc/net/tcp', 'utf8').split('\n');
  return lines
    .map((line) => line.trim().split(/\s+/))
    .filter(([, at, , state]) => at === local && state === LISTEN).length;
}

/** How many files each epoll of a process watches: its threads have one each (proc(5), /proc/pid/fdinfo, `tfd`). */
function watchedByEpolls(pid: number): number[] {
  return readdirSync(`/proc/${pid}/fd`)
    .filter((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`) === 'anon_inode:[eventpoll]')
    .map((fd) => readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8').match(/^tfd:/gm)?.length ?? 0);
}

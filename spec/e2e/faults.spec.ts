import { execFileSync, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ClusterUnderLoad, LONG_UDP_SESSIONS } from '../support/cluster-under-load.js';
import { eventually } from '../support/deadline.js';
import { NATIVE_RELAY_MISSING } from '../support/native-relay-program.js';
import { openFileLimit } from '../support/open-sockets.js';
import { residentBytes } from '../support/process-footprint.js';
import { RunningProgram } from '../support/program.js';
import { healthCode, ProxyUnderLoad } from '../support/proxy-under-load.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

/** No other spec uses it. */
const ADDRESS = '127.0.4.58';
const MANY = 300;
const STOPPED_MS = 10_000;
const IDLE = 8_000;
/** A client's, the endpoint's, and some of this process's own: endpoints are of this process, too. */
const FILES_FOR_IDLE = 2 * IDLE + 500;
const CONNECTING_AT_ONCE = 200;
/** What an idle connection may cost the relay's process, bytes (docs/performance.md). */
const BYTES_OF_IDLE = 512;
const FLOODING_PORTS = 20_000;
const FLOODING_AT_ONCE = 200;
const UDP_SESSIONS = 1_000;
const SMALL_DISK = '64k';
const MAY_MOUNT = spawnSync('unshare', ['--mount', 'true']).status === 0;

const HAS_PRLIMIT = spawnSync('prlimit', ['--version']).status === 0;
/** Those that are open stay so; there is no number left for another. */
const NO_FILES = 3;
const ENOUGH_FILES = 1_024;
/** Some sync periods. */
const WITHOUT_FILES_MS = 3_000;

const proxyUnderLoad = (...flags: readonly string[]) => ProxyUnderLoad.start({ address: ADDRESS, flags });

describe.skipIf(NATIVE_RELAY_MISSING)('clients notice nothing (skipped without the native relay)', () => {
  it('while the control process stands still for ten seconds', { timeout: 90_000 }, async () => {
    const { proxy, load } = await proxyUnderLoad();
    proxy.program.signal('SIGSTOP');
    onTestFinished(() => proxy.program.signal('SIGCONT'));
    const { requests, connections, datagrams } = load;
    await pause(STOPPED_MS);
    expect(Math.min(load.requests - requests, load.connections - connections)).toBeGreaterThan(MANY);
    expect(load.datagrams - datagrams).toBeGreaterThan(MANY);
    proxy.program.signal('SIGCONT');
    expect(await healthCode(proxy)).toBe(200);
    expect((await load.stop()).failures).toEqual([]);
  });

  it.skipIf(!HAS_PRLIMIT)(
    'while the control process has no file descriptor left; what changes meanwhile takes effect when it has (skipped without prlimit)',
    { timeout: 60_000 },
    async () => {
      // Every second it looks at what there is in the kernel.
      const running = await proxyUnderLoad('--iptables-sync-period', '1s');
      const { proxy, load } = running;
      const limitFiles = (soft: number) =>
        execFileSync('prlimit', ['--pid', `${proxy.program.pid}`, `--nofile=${soft}:`]);
      const before = (await proxy.report()).servicePorts.length;
      limitFiles(NO_FILES);
      running.declare({ moreServices: 1 });
      await proxy.program.says(/EMFILE|too many open files/);
      await pause(WITHOUT_FILES_MS);
      await load.more(MANY);
      limitFiles(ENOUGH_FILES);
      await eventually(async () => {
        const { servicePorts } = await proxy.report();
        expect(servicePorts.map(({ portal }) => portal !== null)).toEqual(Array(before + 1).fill(true));
      }, 30_000);
      expect((await load.stop()).failures).toEqual([]);
    },
  );

  it(`of one that sends from ${FLOODING_PORTS} ports: the table of sessions has ${UDP_SESSIONS}`, {
    timeout: 120_000,
  }, async () => {
    const { proxy, load, udpPort } = await proxyUnderLoad('--udp-max-sessions', `${UDP_SESSIONS}`);
    for (let sent = 0; sent < FLOODING_PORTS; sent += FLOODING_AT_ONCE)
      await Promise.all(Array.from({ length: FLOODING_AT_ONCE }, () => sendOnce(udpPort)));
    await load.more(MANY);
    expect((await load.stop()).failures).toEqual([]);
    const [ofDns] = (await proxy.report()).servicePorts.filter(({ name }) => name === 'default/dns:main');
    expect(ofDns?.udpSessions).toBeLessThanOrEqual(UDP_SESSIONS);
    expect(ofDns?.evictedUdpSessions).toBeGreaterThan(FLOODING_PORTS / 2);
  });

  it.skipIf(openFileLimit() < FILES_FOR_IDLE || process.getuid?.() !== 0)(
    `of ${IDLE} that say nothing (needs ${FILES_FOR_IDLE} open files, and root), which cost no more than ${BYTES_OF_IDLE} bytes each`,
    { timeout: 120_000 },
    async () => {
      const { relay, load, tcpPort } = await proxyUnderLoad();
      const before = residentBytes(relay.pid);
      const idle: Socket[] = [];
      while (idle.length < IDLE) {
        idle.push(
          ...(await Promise.all(Array.from({ length: CONNECTING_AT_ONCE }, () => connected(tcpPort)))),
        );
        await load.more(1);
      }
      await load.more(MANY);
      expect((residentBytes(relay.pid) - before) / IDLE).toBeLessThan(BYTES_OF_IDLE);
      expect((await load.stop()).failures).toEqual([]);
      for (const socket of idle) socket.destroy();
    },
  );
});

describe.skipIf(!MAY_MOUNT)('a full disk (skipped where a file system may not be mounted)', () => {
  it('for state and log costs no client anything, is told, and is mended by itself', async () => {
    const cluster = await ClusterUnderLoad.start();
    const disk = temporaryDirectory();
    const mounted = `mount -t tmpfs -o size=${SMALL_DISK} none "$0" && mkdir "$0/state" "$0/log" && exec "$@"`;
    const argv = [
      ...['--master', cluster.server.url, '--hostname-override', 'node-a', '--alsologtostderr'],
      ...LONG_UDP_SESSIONS,
    ];
    const proxy = await RunningProgram.start(
      ADDRESS,
      [...argv, '--state-dir', join(disk, 'state'), '--log-dir', join(disk, 'log')],
      { through: ['unshare', '--mount', '/bin/sh', '-c', mounted, disk] },
    );
    const inside = (path: string) => join(`/proc/${proxy.program.pid}/root`, disk, path);
    const load = await cluster.clientsOf(proxy);
    await load.more(MANY);
    const filled = spawnSync('/bin/sh', ['-c', `dd if=/dev/zero of="${inside('filler')}" bs=1k count=1000`]);
    expect(filled.status).not.toBe(0);
    cluster.createAnother();
    await eventually(async () => {
      expect((await proxy.report()).servicePorts.map(({ name }) => name)).toContain('default/late:http');
    });
    await proxy.program.says(/ENOSPC/);
    await load.more(MANY);
    spawnSync('rm', [inside('filler')]);
    await eventually(() => expect(existsSync(inside('state'))).toBe(true));
    expect(await healthCode(proxy)).toBe(200);
    expect((await load.stop()).failures).toEqual([]);
  }, 60_000);
});

async function sendOnce(port: number): Promise<void> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.send('flood', port, ADDRESS, () => resolve()));
  socket.close();
}

async function connected(port: number): Promise<Socket> {
  const socket = connect({ host: ADDRESS, port });
  await once(socket, 'connect');
  return socket;
}

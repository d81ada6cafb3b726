import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { SILENT_LOGGER } from '../../../src/host/log.js';
import { type Endpoint, endpoint } from '../../../src/model/endpoint.js';
import type { ServicePortName } from '../../../src/model/service-port.js';
import { NativeRelay } from '../../../src/relay/native/native-relay.js';
import { RelaySocket } from '../../../src/relay/native/relay-socket.js';
import { ByteStream, Digester, digestOf } from '../../support/byte-stream.js';
import { eventually } from '../../support/deadline.js';
import { NATIVE_RELAY_MISSING, startRelayProgram } from '../../support/native-relay-program.js';
import { RecordingObserver } from '../../support/recording-observer.js';
import { seededRandom } from '../../support/seeded-random.js';
import { portOf } from '../../support/tcp-endpoint.js';
import { temporaryDirectory } from '../../support/temporary-directory.js';
import { UdpClient } from '../../support/udp-client.js';
import { echoDatagram, UdpEndpoint } from '../../support/udp-endpoint.js';

/** CI has it run for a minute under AddressSanitizer. */
const SECONDS = Number(process.env.KUBE_SPLICE_STRESS_SECONDS ?? '5');
/** The same seed does the same things, as far as the machine's timing lets it. */
const SEED = Number(process.env.KUBE_SPLICE_STRESS_SEED ?? '20261125');
const CLIENTS = 40;
const UDP_CLIENTS = 10;
const WEB: ServicePortName = 'default/web';
const DNS: ServicePortName = 'default/dns';
const NO_AFFINITY = { type: 'None' } as const;
const LARGEST_BODY = 3_000_000;

/** How a client behaves on its next connection. */
const WAYS = ['whole', 'half-close', 'reset', 'reset-later', 'stall', 'abandon', 'tiny'] as const;

describe.skipIf(NATIVE_RELAY_MISSING)('the native relay under stress (skipped where it is not built)', () => {
  it(`keeps every whole stream whole for ${SECONDS} s of seed ${SEED}, and holds nothing afterwards`, {
    timeout: (SECONDS + 60) * 1000,
  }, async () => {
    const random = seededRandom(SEED);
    const socket = join(temporaryDirectory(), 'relay.sock');
    const program = await startRelayProgram(socket, '--threads', '2');
    const relay = await NativeRelay.start({
      source: new RelaySocket(socket),
      observer: new RecordingObserver(),
      logger: SILENT_LOGGER,
      udpIdleTimeoutMs: 200,
      maxUdpSessions: () => 50,
    });
    onTestFinished(() => relay.shutdown(0));
    const tcp = await Promise.all(Array.from({ length: 4 }, () => listenRudely(random)));
    const udp = await Promise.all(Array.from({ length: 3 }, () => UdpEndpoint.bind(echoDatagram)));
    const some = (all: readonly Endpoint[]): Endpoint[] => {
      const chosen = all.filter(() => random() < 0.7);
      return chosen.length === 0 ? [...all] : chosen;
    };
    const udpEndpoints = udp.map(({ endpoint: each }) => each);
    const open = (name: ServicePortName, protocol: 'TCP' | 'UDP', endpoints: readonly Endpoint[]) =>
      relay.open({
        name,
        protocol,
        address: '127.0.0.1',
        port: 0,
        routing: { endpoints, sessionAffinity: NO_AFFINITY },
      });
    const web = await open(WEB, 'TCP', tcp);
    const dns = await open(DNS, 'UDP', udpEndpoints);
    const atRest = openFilesOf(program.pid);

    const ends = performance.now() + SECONDS * 1000;
    const goesOn = (): boolean => performance.now() < ends;
    const wrong: string[] = [];
    let whole = 0;
    const client = async (): Promise<void> => {
      while (goesOn()) {
        const way = WAYS[Math.floor(random() * WAYS.length)] ?? 'whole';
        const outcome = await behave(way, web.port, random).catch(
          (error: unknown) => `${way}: ${String(error)}`,
        );
        if (outcome === 'whole') whole += 1;
        else if (outcome !== undefined) wrong.push(outcome);
      }
    };
    const asker = async (): Promise<void> => {
      while (goesOn()) {
        const one = await UdpClient.connect({ address: '127.0.0.1', port: dns.port });
        const question = `question ${random()}`;
        await one.send(question);
        // It may be lost: its session may be evicted, or its endpoint go.
        const answer = await one.receive(300).catch(() => undefined);
        if (answer !== undefined && answer.toString() !== question) wrong.push(`udp: ${answer.toString()}`);
        await one.close();
      }
    };
    const router = async (): Promise<void> => {
      while (goesOn()) {
        await relay.route(WEB, { endpoints: some(tcp), sessionAffinity: affinity(random) });
        await relay.route(DNS, { endpoints: some(udpEndpoints), sessionAffinity: affinity(random) });
        await pause(random() * 20);
      }
    };
    const opener = async (): Promise<void> => {
      for (let turn = 0; goesOn(); turn += 1) {
        const name: ServicePortName = `default/passing-${turn}`;
        await open(name, turn % 2 === 0 ? 'TCP' : 'UDP', turn % 2 === 0 ? tcp : udpEndpoints);
        await relay.close(name);
        await relay.counters();
      }
    };
    await Promise.all([
      ...Array.from({ length: CLIENTS }, client),
      ...Array.from({ length: UDP_CLIENTS }, asker),
      router(),
      opener(),
    ]);

    expect(wrong).toEqual([]);
    expect(whole).toBeGreaterThan(10 * SECONDS);
    await eventually(async () => {
      const counters = await relay.counters();
      expect(counters.get(WEB)).toMatchObject({ activeConnections: 0 });
      expect(counters.get(DNS)).toMatchObject({ udpSessions: 0 });
      expect(counters.size).toBe(2);
      // Pipes that nobody uses are closed after a second or two.
      expect(openFilesOf(program.pid)).toBe(atRest);
    }, 15_000);
    await relay.shutdown(0);
    // Leaks of memory are told by the sanitizer, at the end.
    expect(await program.end('SIGTERM'), program.stderr()).toBe(0);
    expect(program.stderr()).not.toMatch(/ERROR|runtime error|WARNING: ThreadSanitizer/);
  });
});

function affinity(random: () => number) {
  return random() < 0.3 ? ({ type: 'ClientIP', timeoutSeconds: 1 } as const) : NO_AFFINITY;
}

/** Descriptors of a process, pipes and sockets of its own. */
function openFilesOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).filter((fd) => {
    try {
      return /^(pipe|socket)/.test(readlinkSync(`/proc/${pid}/fd/${fd}`));
    } catch {
      return false;
    }
  }).length;
}

/**
 * An endpoint that reads a head line `SEED LENGTH`, then so many bytes, which it checks, then answers the same bytes and a
 * FIN. Now and then it resets, or stalls for a while, or sends its FIN before it has read all, as a head that begins with `!`
 * allows it.
 */
async function listenRudely(random: () => number): Promise<Endpoint> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    serve(socket, random).catch(() => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return endpoint('127.0.0.1', portOf(server));
}

async function serve(socket: Socket, random: () => number): Promise<void> {
  const digester = new Digester();
  let head = '';
  const headRead = new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      if (head.includes('\n')) return digester.update(chunk);
      head += chunk.toString('latin1');
      const end = head.indexOf('\n');
      if (end === -1) return;
      digester.update(Buffer.from(head.slice(end + 1), 'latin1'));
      resolve();
    });
  });
  const allRead = once(socket, 'end');
  await Promise.race([headRead, allRead]);
  const [, rude, seed = '0', length = '0'] = /^(!?)(\d+) (\d+)\n/.exec(head) ?? [];
  if (rude === '!') {
    if (random() < 0.3) return void socket.resetAndDestroy();
    if (random() < 0.3) await pause(random() * 100);
    if (random() < 0.3) return void socket.end('early');
  }
  await allRead;
  const expected = digestOf(Number(seed), Number(length));
  if (JSON.stringify(digester.digest()) !== JSON.stringify(expected)) return void socket.end('WRONG');
  for (const chunk of new ByteStream(Number(seed)).chunks(Number(length)))
    if (!socket.write(chunk)) await Promise.race([once(socket, 'drain'), once(socket, 'close')]);
  socket.end();
}

/** Resolves with `whole` where a stream came back whole, with nothing where it was not to; anything else is wrong. */
async function behave(
  way: (typeof WAYS)[number],
  port: number,
  random: () => number,
): Promise<string | undefined> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  const seed = Math.floor(random() * 1e6);
  const length = way === 'tiny' ? Math.floor(random() * 50) : Math.floor(random() ** 3 * LARGEST_BODY);
  const isWhole = way === 'whole' || way === 'half-close' || way === 'tiny';
  socket.write(`${isWhole ? '' : '!'}${seed} ${length}\n`);
  if (way === 'abandon') return void socket.destroy();
  if (way === 'reset') return void socket.resetAndDestroy();
  const sending = (async () => {
    for (const chunk of new ByteStream(seed).chunks(length)) {
      if (!socket.write(chunk)) await Promise.race([once(socket, 'drain'), once(socket, 'close')]);
      if (socket.destroyed) return;
    }
    if (way === 'half-close') await pause(random() * 20);
    socket.end();
  })();
  if (way === 'reset-later') {
    await pause(random() * 30);
    socket.resetAndDestroy();
    return void (await sending.catch(() => undefined));
  }
  if (way === 'stall') {
    socket.pause();
    await pause(random() * 200);
    socket.destroy();
    return void (await sending.catch(() => undefined));
  }
  const digester = new Digester();
  socket.on('data', (chunk: Buffer) => digester.update(chunk));
  await once(socket, 'close');
  await sending;
  const got = JSON.stringify(digester.digest());
  return got === JSON.stringify(digestOf(seed, length))
    ? 'whole'
    : `${way} of ${length} bytes, seed ${seed}: ${got}`;
}

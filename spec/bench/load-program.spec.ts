import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { ChildProcesses } from '../../bench/child-processes.js';
import { type Endpoint, startEndpoint } from '../../bench/endpoint.js';
import { LoadClient } from '../../bench/load-client.js';
import { buildLoadProgram } from '../../bench/load-program.js';
import type { Load } from '../../bench/loads.js';
import type { RunningPeer } from '../../bench/peer.js';
import { addressesOf, RESPONSE_BYTES, type SocketAddress } from '../../bench/services.js';

const SOURCES = resolve(import.meta.dirname, '../../bench/load');
const COMPILING_MS = 120_000;
const WINDOW_MS = 200;

const LOADS: readonly Load[] = [
  { kind: 'tcp-requests', connections: 3 },
  { kind: 'tcp-connections', atOnce: 3 },
  { kind: 'tcp-bulk', service: 'sink', connections: 2 },
  { kind: 'tcp-bulk', service: 'source', connections: 2 },
  { kind: 'udp', flows: 3 },
  { kind: 'tcp-latency', connections: 3, perSecond: 1000 },
];

const compiler = spawnSync('g++', ['--version']).status === 0;

describe('the load program, where it cannot be built', () => {
  it('is an error that says what is missing and how to get it', async () => {
    const directory = await temporaryDirectory();
    const building = buildLoadProgram(SOURCES, join(directory, 'p'), { PATH: directory });
    await expect(building).rejects.toThrow(
      'no C++ compiler (g++, clang++, c++) for the load program: install one',
    );
    const named = buildLoadProgram(SOURCES, join(directory, 'p'), { PATH: directory, CXX: 'my-c++' });
    await expect(named).rejects.toThrow('no C++ compiler (my-c++)');
  });

  it.skipIf(!compiler)('is an error with what the compiler said (skipped without g++)', async () => {
    const directory = await temporaryDirectory();
    await writeFile(join(directory, 'a.cpp'), 'int main() { return unheard_of; }\n');
    await expect(buildLoadProgram(directory, join(directory, 'p'))).rejects.toThrow('unheard_of');
  });
});

describe.skipIf(!compiler || process.platform !== 'linux')(
  'the load program (skipped without Linux and g++)',
  () => {
    const children = new ChildProcesses();
    let directory: string;
    let file: string;
    let endpoint: Endpoint;
    let client: LoadClient;

    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), 'kube-splice-bench-'));
      file = join(directory, 'bench-load');
      await buildLoadProgram(SOURCES, file);
      endpoint = await startEndpoint(file, children);
      client = new LoadClient(children, file, WINDOW_MS);
    }, COMPILING_MS);
    afterAll(async () => {
      await endpoint?.stop();
      await rm(directory, { recursive: true });
    });

    /** Straight to the endpoint, as if this process were the peer. */
    const peer = (): RunningPeer => ({
      addresses: endpoint.addresses,
      pids: [process.pid],
      stop: () => Promise.resolve(),
    });
    const peerAt = (at: SocketAddress): RunningPeer => ({ ...peer(), addresses: addressesOf(() => at) });

    it('is not built again where it is newer than its sources', async () => {
      expect(await buildLoadProgram(SOURCES, file, { PATH: directory })).toEqual({ file, compiler: null });
    });

    it.each(LOADS)('makes a load, $kind $service, and counts it', async (load) => {
      const { done, lost, seconds, peerCpuMs, machineCpuMs, latency } = await client.measure(load, peer());
      expect(done).toBeGreaterThan(50);
      expect(lost).toBe(0);
      expect(seconds).toBeGreaterThanOrEqual(WINDOW_MS / 1000);
      expect(seconds).toBeLessThan(5);
      expect(peerCpuMs).toBeGreaterThanOrEqual(0);
      // The machine's is counted in ticks of 10 ms: a light load may need none.
      expect(machineCpuMs).toBeGreaterThanOrEqual(load.kind === 'tcp-latency' ? 0 : 1);
      expect(latency !== undefined).toBe(load.kind === 'tcp-latency');
    });

    it('knows no CPU of a peer without a process', async () => {
      const load: Load = { kind: 'tcp-requests', connections: 1 };
      expect(await client.measure(load, { ...peer(), pids: [] })).toMatchObject({ peerCpuMs: null });
    });

    it('tells the memory that held connections make a process grow by', async () => {
      expect(typeof (await client.holdIdle(100, peer()))).toBe('number');
      expect(await client.holdIdle(100, { ...peer(), pids: [] })).toBeNull();
    });

    it('fails where nobody listens', async () => {
      const server = await listening(() => undefined);
      await server.close();
      for (const load of LOADS.filter(({ kind }) => kind !== 'udp')) {
        await expect(client.measure(load, peerAt(server.at))).rejects.toThrow('Connection refused');
      }
    });

    it('fails where the other side closes a kept connection, or cuts an answer short', async () => {
      const short = await listening((socket) => socket.resume().end(Buffer.alloc(RESPONSE_BYTES - 1)));
      const requests = client.measure({ kind: 'tcp-requests', connections: 1 }, peerAt(short.at));
      await expect(requests).rejects.toThrow('a kept connection was closed by the other side');
      const connections = client.measure({ kind: 'tcp-connections', atOnce: 1 }, peerAt(short.at));
      await expect(connections).rejects.toThrow('an answer had 199 bytes');
    });

    it('fails where a process that it is to watch is gone', async () => {
      const load: Load = { kind: 'tcp-requests', connections: 1 };
      const gone = client.measure(load, { ...peer(), pids: [2 ** 22 + 1] });
      await expect(gone).rejects.toThrow('process 4194305 of the peer is gone');
    });

    it('counts latency from the moment a request was due: a stall is seen in all that were due meanwhile', async () => {
      const stallMs = 150;
      // Answers nothing for a while, then all of it, then each request at once: but for the stall, no answer is late.
      const server = await listening((socket) => {
        let owed = 0;
        let stalled = true;
        setTimeout(() => {
          stalled = false;
          socket.write(Buffer.alloc(owed * RESPONSE_BYTES));
        }, stallMs);
        socket.on('data', (chunk: Buffer) => {
          if (stalled) owed += chunk.length / 100;
          else socket.write(Buffer.alloc((chunk.length / 100) * RESPONSE_BYTES));
        });
      });
      const load: Load = { kind: 'tcp-latency', connections: 1, perSecond: 500 };
      const { latency } = await client.measure(load, peerAt(server.at));
      // The window begins 40 ms after the load: about 110 ms of it are stalled, with a request due every 2 ms. Whoever
      // waited for an answer before the next request would have a single late one, which is not the 99th of 100.
      expect(latency?.count).toBeGreaterThanOrEqual(95);
      expect(latency?.p99).toBeGreaterThan(40_000);
      expect(latency?.p99).toBeLessThanOrEqual(latency?.p999 ?? 0);
    });
  },
);

async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'kube-splice-bench-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  return directory;
}

async function listening(serve: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    serve(socket);
  });
  await new Promise<void>((resolved) => server.listen(0, '127.0.0.1', resolved));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening');
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const at: SocketAddress = { address: address.address, port: address.port };
  const close = () => new Promise<void>((closed) => server.close(() => closed()));
  return { at, close };
}

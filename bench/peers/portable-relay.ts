import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { askStatus } from '../../src/status/status-client.js';
import type { StatusReport } from '../../src/status/status-report.js';
import type { ChildProcesses } from '../child-processes.js';
import type { Peer, RunningPeer } from '../peer.js';
import { type Addresses, addressesOf } from '../services.js';
import { BENCH_SERVICE, benchManifest } from './bench-manifest.js';

const HOST = '127.0.0.1';

/** How long the program may take from its start to the last portal, ms. */
const START_MS = 15_000;
const ASK_INTERVAL_MS = 50;

/** How much of what the program last said is shown where it does not start. */
const LAST_WORDS = 2_000;

/** The built program with `--relay portable`, as anyone would run it. @param program its `main.js`. */
export function portableRelay(name: string, program: string, children: ChildProcesses): Peer {
  return {
    name,
    async start(endpoints) {
      await mustExist(program);
      const directory = await mkdtemp(join(tmpdir(), 'kube-splice-bench-'));
      const removeDirectory = (): Promise<void> => rm(directory, { recursive: true });
      try {
        const manifest = join(directory, 'bench.yaml');
        await writeFile(manifest, benchManifest(endpoints));
        const running = await startProgram(program, manifest, children);
        const stop = async (): Promise<void> => {
          await running.stop();
          await removeDirectory();
        };
        return { ...running, stop };
      } catch (error) {
        await removeDirectory();
        throw error;
      }
    },
  };
}

async function startProgram(
  program: string,
  manifest: string,
  children: ChildProcesses,
): Promise<RunningPeer> {
  const statusPort = await freePort();
  const flags = {
    '--manifests': manifest,
    '--bind-address': HOST,
    '--healthz-bind-address': HOST,
    '--healthz-port': String(statusPort),
    '--relay': 'portable',
    '--steering': 'none',
  };
  const child = children.spawn(process.execPath, [program, ...Object.entries(flags).flat()]);
  const lastWords = keepLastWords(child);
  try {
    const addresses = await portals(child, statusPort);
    return { addresses, pids: child.pid === undefined ? [] : [child.pid], stop: () => children.stop(child) };
  } catch (error) {
    await children.stop(child);
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`${program} did not start: ${why}\n${lastWords()}`, { cause: error });
  }
}

async function portals(child: ChildProcess, statusPort: number): Promise<Addresses> {
  const deadline = performance.now() + START_MS;
  for (;;) {
    const ended = child.signalCode ?? child.exitCode;
    if (ended !== null) throw new Error(`it ended with ${ended}`);
    try {
      return portalsOf(await askStatus({ address: HOST, port: statusPort }));
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await sleep(ASK_INTERVAL_MS);
    }
  }
}

/** @throws Error where one of them is not open (yet). */
function portalsOf({ servicePorts }: StatusReport): Addresses {
  return addressesOf((service) => {
    const found = servicePorts.find(({ name }) => name === `${BENCH_SERVICE}:${service}`);
    if (found?.portal == null) throw new Error(`${service} has no portal: ${found?.error ?? 'not proxied'}`);
    return { address: HOST, port: found.portal.port };
  });
}

async function mustExist(program: string): Promise<void> {
  try {
    await access(program);
  } catch (error) {
    throw new Error(`${program} is not there: run \`npm run build\` first`, { cause: error });
  }
}

/** A port that was free a moment ago: port 0 turns the status server off, so it has to be told one. */
async function freePort(): Promise<number> {
  const server = createServer().listen({ host: HOST, port: 0 });
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}

function keepLastWords(child: ChildProcess): () => string {
  let words = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      words = `${words}${text}`.slice(-LAST_WORDS);
    });
  }
  return () => words;
}

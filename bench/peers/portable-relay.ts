import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { askStatus } from '../../src/status/status-client.js';
import type { StatusReport } from '../../src/status/status-report.js';
import { freePort, keepLastWords, mustExist } from '../built-program.js';
import type { ChildProcesses } from '../child-processes.js';
import type { Peer, RunningPeer } from '../peer.js';
import { type Addresses, addressesOf } from '../services.js';
import { BENCH_SERVICE, benchManifest } from './bench-manifest.js';

const HOST = '127.0.0.1';

/** How long the program may take from its start to the last portal, ms. */
const START_MS = 15_000;
const ASK_INTERVAL_MS = 50;

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
  const statusPort = await freePort(HOST);
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

import type { ChildProcess } from 'node:child_process';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort, keepLastWords } from '../built-program.js';
import type { ChildProcesses } from '../child-processes.js';
import type { RunningPeer } from '../peer.js';
import { type Addresses, SERVICES, type ServiceName } from '../services.js';

export const HOST = '127.0.0.1';
const START_MS = 5_000;
const ASK_INTERVAL_MS = 20;

/** A program of the system that is started with a file of settings. */
export interface InstalledProgram {
  readonly command: string;
  /** The settings for these portals and endpoints. @param directory its own, removed afterwards. */
  readonly settings: (portals: Addresses, endpoints: Addresses, directory: string) => string;
  readonly args: (file: string, directory: string) => readonly string[];
  /** Whose CPU and memory count, once everything listens. */
  readonly pids: (pid: number) => readonly number[];
}

/** What the program says with these arguments, on either stream; null where it is not installed. */
export async function saidBy(command: string, ...args: readonly string[]): Promise<string | null> {
  try {
    const { stdout, stderr } = await promisify(execFile)(command, args);
    return `${stdout}${stderr}`.trim();
  } catch {
    return null;
  }
}

/** Starts it in front of the endpoints. Resolves when all its TCP ports accept. @throws Error with its last words. */
export async function startInstalled(
  { command, settings, args, pids }: InstalledProgram,
  endpoints: Addresses,
  children: ChildProcesses,
): Promise<RunningPeer> {
  const directory = await mkdtemp(join(tmpdir(), 'kube-splice-bench-'));
  const portals = { ...endpoints };
  for (const service of serviceNames()) portals[service] = { address: HOST, port: await freePort(HOST) };
  const file = join(directory, 'settings');
  await writeFile(file, settings(portals, endpoints, directory));
  const child = children.spawnService(command, args(file, directory));
  const lastWords = keepLastWords(child);
  const stop = async (): Promise<void> => {
    await children.stop(child);
    await rm(directory, { recursive: true, force: true });
  };
  try {
    for (const service of serviceNames()) {
      if (SERVICES[service] === 'TCP') await accepting(child, portals[service].port);
    }
    return { addresses: portals, pids: await working(child, pids), stop };
  } catch (error) {
    await stop();
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`${command} did not start: ${why}\n${lastWords()}`, { cause: error });
  }
}

export function serviceNames(): readonly ServiceName[] {
  return Object.keys(SERVICES).filter((name): name is ServiceName => name in SERVICES);
}

/** A listening socket accepts before the worker that serves it has begun. */
async function working(child: ChildProcess, pids: InstalledProgram['pids']): Promise<readonly number[]> {
  const deadline = performance.now() + START_MS;
  for (;;) {
    const found = child.pid === undefined ? [] : pids(child.pid);
    if (found.length > 0) return found;
    if (performance.now() > deadline) throw new Error('it has no worker');
    await sleep(ASK_INTERVAL_MS);
  }
}

async function accepting(child: ChildProcess, port: number): Promise<void> {
  const deadline = performance.now() + START_MS;
  for (;;) {
    const ended = child.signalCode ?? child.exitCode;
    if (ended !== null) throw new Error(`it ended with ${ended}`);
    const socket = connect({ host: HOST, port });
    try {
      await once(socket, 'connect');
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await sleep(ASK_INTERVAL_MS);
    } finally {
      socket.destroy();
    }
  }
}

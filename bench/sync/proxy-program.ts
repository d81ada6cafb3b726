import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { askStatus } from '../../src/status/status-client.js';
import { freePort, keepLastWords } from '../built-program.js';
import type { ChildProcesses } from '../child-processes.js';
import { peakResidentBytes, readCpu } from '../proc.js';
import { NODE_NAME } from './cluster-content.js';

const HOST = '127.0.0.1';
/** How long the program may take from its start to the last portal, ms: far longer than it should. */
const START_MS = 120_000;

/** The program, from its start to its `ready` line. */
export interface Start {
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** What the API server used meanwhile: where it is busy all the time, it is what is waited for. */
  readonly serverCpuSeconds: number;
  /** The most memory that was resident until then. */
  readonly peakBytes: number;
}

/** A kube-splice that serves. */
export interface ProxyProgram {
  readonly pid: number;
  readonly start: Start;
  /**
   * Asks the program for the port of the portal of each service port, by its name. To tell so much costs it memory.
   *
   * @throws Error where not every portal listens.
   */
  portals(): Promise<ReadonlyMap<string, number>>;
  stop(): Promise<void>;
}

export interface ProxyRequest {
  /** Its `main.js`. */
  readonly program: string;
  readonly master: string;
  readonly serverPid: number;
  /** How many portals are expected. */
  readonly services: number;
}

/** Starts the built program, as anyone would run it. @throws Error where its `ready` line does not count every portal. */
export async function startProxy(request: ProxyRequest, children: ChildProcesses): Promise<ProxyProgram> {
  const { services } = request;
  const statusPort = await freePort(HOST);
  const flags = {
    '--bind-address': HOST,
    '--healthz-bind-address': HOST,
    '--healthz-port': String(statusPort),
    '--steering': 'none',
  };
  const started = await startTimed(request, flags, children);
  return { ...started, portals: () => portalsOf(statusPort, services) };
}

/**
 * Starts the built program with these flags beside those that every start has.
 *
 * @param through a command that runs another one, and becomes its process; none where it is empty.
 * @throws Error where its `ready` line does not count every portal.
 */
export async function startTimed(
  { program, master, serverPid, services }: ProxyRequest,
  flags: Readonly<Record<`--${string}`, string>>,
  children: ChildProcesses,
  through: readonly string[] = [],
): Promise<Omit<ProxyProgram, 'portals'>> {
  const all = { '--master': master, '--hostname-override': NODE_NAME, '--relay': 'portable', ...flags };
  const [command = process.execPath, ...args] = [...through, process.execPath, program];
  const serverCpuBefore = cpuMs(serverPid);
  const begun = performance.now();
  const child = children.spawn(command, [...args, ...Object.entries(all).flat()]);
  const lastWords = keepLastWords(child);
  const stop = (): Promise<void> => children.stop(child);
  try {
    const said = await readyLine(child);
    const seconds = (performance.now() - begun) / 1_000;
    if (said !== services) throw new Error(`${said} of ${services} portals listen`);
    const pid = child.pid ?? 0;
    const start = {
      seconds,
      cpuSeconds: cpuMs(pid) / 1_000,
      serverCpuSeconds: (cpuMs(serverPid) - serverCpuBefore) / 1_000,
      peakBytes: peakResidentBytes(readFileSync(`/proc/${pid}/status`, 'utf8')),
    };
    return { pid, start, stop };
  } catch (error) {
    await stop();
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`${program} did not start: ${why}\n${lastWords()}`, { cause: error });
  }
}

/** User and system time of a process so far. */
export function cpuMs(pid: number): number {
  const { processesMs } = readCpu([pid]);
  if (processesMs === null) throw new Error('this bench reads /proc, which only Linux has');
  return processesMs;
}

/** How many portals listen, as the `ready` line tells, as soon as it does. */
function readyLine(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = '';
    const settle = (outcome: () => void): void => {
      clearTimeout(timer);
      child.stdout?.off('data', read);
      child.stderr?.off('data', read);
      child.off('exit', ended);
      outcome();
    };
    const read = (chunk: string): void => {
      text = `${text}${chunk}`.slice(-4_096);
      const [, portals] = / ready; .* portals=(\d+)\b.*\n/.exec(text) ?? [];
      if (portals !== undefined) settle(() => resolve(Number(portals)));
    };
    const ended = (code: number | null, signal: string | null): void =>
      settle(() => reject(new Error(`it ended with ${signal ?? code}`)));
    const timer = setTimeout(
      () => settle(() => reject(new Error(`it was not ready within ${START_MS / 1000} s`))),
      START_MS,
    );
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    child.once('exit', ended);
  });
}

async function portalsOf(statusPort: number, expected: number): Promise<ReadonlyMap<string, number>> {
  const { servicePorts } = await askStatus({ address: HOST, port: statusPort });
  const open = servicePorts.flatMap(({ name, portal }) =>
    portal === null ? [] : [[name, portal.port] as const],
  );
  if (open.length === expected) return new Map(open);
  const closed = servicePorts.find(({ portal }) => portal === null);
  throw new Error(
    `${open.length} of ${expected} portals listen: ${closed?.error ?? 'the others are unknown'}`,
  );
}

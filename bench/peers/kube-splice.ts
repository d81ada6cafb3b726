import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { askStatus } from '../../src/status/status-client.js';
import type { StatusReport } from '../../src/status/status-report.js';
import { freePort, keepLastWords, mustExist } from '../built-program.js';
import type { ChildProcesses } from '../child-processes.js';
import type { Peer, RunningPeer } from '../peer.js';
import { childPids } from '../proc.js';
import { type Addresses, addressesOf } from '../services.js';
import { BENCH_SERVICE, benchManifest } from './bench-manifest.js';
import { saidBy } from './installed-program.js';

/** From `build/bench/bench/peers/`, where this file is run. */
const BUILT_RELAY = resolve(import.meta.dirname, '../../../../native/build/kube-splice-relay');

/** What the kernel keeps of the relay's name: 15 bytes, proc(5). */
const RELAY_COMM = 'kube-splice-rel';

const HOST = '127.0.0.1';

/** How long the program may take from its start to the last portal, ms. */
const START_MS = 15_000;
const ASK_INTERVAL_MS = 50;

/** How the built program is run. */
export interface KubeSplice {
  readonly name: string;
  /** Its `main.js`. */
  readonly program: string;
  readonly relay: 'native' | 'portable';
  /** Another native relay than the one built with it. */
  readonly relayProgram?: string;
  /** Threads of the native relay; 0 for as many as it takes by itself. One where nothing is said, as its rivals have. */
  readonly relayThreads?: number;
}

/**
 * The built program, as anyone would run it, but for a longer life of UDP sessions, as its rivals give them. The CPU and
 * memory of the native relay are those of its own process: what the control process uses, which carries nothing, is left
 * out. The portable relay takes no part in `latency`: the rate there is more than it can do.
 */
export function kubeSplice(run: KubeSplice, children: ChildProcesses): Peer {
  const { name, program, relay } = run;
  return {
    name,
    ...(relay === 'portable' ? { leavesOut: ['latency'] as const } : {}),
    missing: () => missingRelay(run),
    described: () => description(run),
    async start(endpoints) {
      await mustExist(program);
      const directory = await mkdtemp(join(tmpdir(), 'kube-splice-bench-'));
      const removeDirectory = (): Promise<void> => rm(directory, { recursive: true });
      try {
        const manifest = join(directory, 'bench.yaml');
        await writeFile(manifest, benchManifest(endpoints));
        const running = await startRelayed(run, directory, manifest, children);
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

async function description({ program, relay, relayProgram, relayThreads }: KubeSplice): Promise<string> {
  const version = await saidBy(process.execPath, program, '--version');
  const words = Object.entries(relayFlags(relay, relayThreads ?? 1))
    .flat()
    .join(' ');
  const other = relayProgram === undefined ? '' : `, through --relay-socket with ${relayProgram}`;
  const whose =
    relay === 'native' ? "; CPU and memory of the relay's process only, without the control process" : '';
  return `${version ?? 'kube-splice'}: ${words}${other}${whose}`;
}

/** The settings that the figures depend on. */
function relayFlags(relay: KubeSplice['relay'], relayThreads: number) {
  return {
    '--relay': relay,
    ...(relay === 'native' ? { '--relay-threads': String(relayThreads) } : {}),
    '--steering': 'none',
    '--udp-timeout': '30s',
  };
}

async function missingRelay({ relay, relayProgram }: KubeSplice): Promise<string | null> {
  if (relay === 'portable') return null;
  if (process.platform !== 'linux') return 'only Linux has it';
  const file = relayProgram ?? BUILT_RELAY;
  return access(file).then(
    () => null,
    () => `${file} is not there: run \`npm run build:native\` first`,
  );
}

/**
 * The program starts the relay that was built with it, and no other. Another one is started here, and is what the program
 * finds at `--relay-socket`.
 */
async function startRelayed(
  run: KubeSplice,
  directory: string,
  manifest: string,
  children: ChildProcesses,
): Promise<RunningPeer> {
  const { relayProgram, relayThreads = 1 } = run;
  if (relayProgram === undefined) return startProgram(run, manifest, null, children);
  const socket = join(directory, 'relay.sock');
  const threads = relayThreads === 0 ? [] : ['--threads', String(relayThreads)];
  const relay = children.spawnService(relayProgram, ['--socket', socket, ...threads]);
  const relayWords = keepLastWords(relay);
  try {
    const running = await startProgram(run, manifest, { socket, process: relay }, children);
    const stop = async (): Promise<void> => {
      await running.stop();
      await children.stop(relay);
    };
    return { ...running, stop };
  } catch (error) {
    await children.stop(relay);
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`${why}${relayWords()}`, { cause: error });
  }
}

interface OtherRelay {
  readonly socket: string;
  readonly process: ChildProcess;
}

async function startProgram(
  { program, relay, relayThreads }: KubeSplice,
  manifest: string,
  other: OtherRelay | null,
  children: ChildProcesses,
): Promise<RunningPeer> {
  const statusPort = await freePort(HOST);
  const flags = {
    '--manifests': manifest,
    '--bind-address': HOST,
    '--healthz-bind-address': HOST,
    '--healthz-port': String(statusPort),
    ...relayFlags(relay, relayThreads ?? 1),
    ...(other === null ? {} : { '--relay-socket': other.socket }),
  };
  const child = children.spawn(process.execPath, [program, ...Object.entries(flags).flat()]);
  const lastWords = keepLastWords(child);
  try {
    const addresses = await portals(other === null ? [child] : [child, other.process], statusPort);
    const pids = carriers(relay, child, other);
    return { addresses, pids, stop: () => children.stop(child) };
  } catch (error) {
    await children.stop(child);
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`${program} did not start: ${why}\n${lastWords()}`, { cause: error });
  }
}

/** The process that carries the bytes. @throws Error where it is not known: nothing else may stand for it. */
function carriers(
  relay: KubeSplice['relay'],
  child: ChildProcess,
  other: OtherRelay | null,
): readonly number[] {
  const { pid } = other?.process ?? child;
  if (pid === undefined) throw new Error('it has no process');
  return relay === 'native' && other === null ? [relayPid(pid)] : [pid];
}

/** @throws Error where the control process has no relay for a child. */
function relayPid(control: number): number {
  const relay = childPids(control).find((pid) =>
    readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith(RELAY_COMM),
  );
  if (relay === undefined) throw new Error('it has no relay process');
  return relay;
}

async function portals(needed: readonly ChildProcess[], statusPort: number): Promise<Addresses> {
  const deadline = performance.now() + START_MS;
  for (;;) {
    for (const { signalCode, exitCode, spawnfile } of needed) {
      const ended = signalCode ?? exitCode;
      if (ended !== null) throw new Error(`${spawnfile} ended with ${ended}`);
    }
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

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChildProcesses } from '../child-processes.js';
import { peakResidentBytes, residentBytes } from '../proc.js';
import { AskedProcess } from './asked-process.js';
import { namespaceOf, probedServices, serviceNameOf } from './cluster-content.js';
import type {
  ClusterOrder,
  Done,
  EndpointName,
  Filled,
  Moved,
  Probed,
  ProbeListening,
  ProbeOrder,
  Probing,
  Timed,
} from './messages.js';
import type { SyncOptions } from './options.js';
import { cpuMs, type ProxyProgram, startProxy } from './proxy-program.js';
import type { SizeResult } from './size-result.js';

/** So many Services at most have endpoints that listen. */
const MOST_PROBED = 300;
/** Changes a second beside those that are timed. */
export const CHURN_PER_SECOND = 50;
/** Changes over which CPU and growth of memory are spread, and the time between two of them, ms. */
export const CHANGES = 1_000;
const CHANGE_INTERVAL_MS = 5;
/** How long nothing happens before memory is read, ms. */
export const QUIET_MS = 10_000;
/** How long after the last change the program has surely taken it, ms; whether it has is seen by one change more. */
const TAKEN_MS = 500;

const ANSWER_MS = 15_000;
const FILL_MS = 180_000;

/** Everything about a cluster of one size. `progress` is told what is being done. */
export async function measureSize(
  services: number,
  options: SyncOptions,
  children: ChildProcesses,
  progress: (what: string) => void,
): Promise<SizeResult> {
  const shape = { services, probed: Math.min(MOST_PROBED, Math.floor(services / 2)) };
  const probe = new AskedProcess<ProbeOrder>(children, 'probe', './probe-process.js');
  const cluster = new AskedProcess<ClusterOrder>(children, 'cluster', './cluster-process.js');
  let proxy: ProxyProgram | undefined;
  try {
    progress('filling the cluster');
    const listening = await probe.next<ProbeListening>('listening', ANSWER_MS);
    const endpoints = { addresses: listening.addresses, port: listening.ports.A };
    const filled = await cluster.ask<Filled>({ kind: 'fill', shape, endpoints }, 'filled', FILL_MS);
    const request = { program: options.program, master: filled.url, serverPid: cluster.pid, services };
    const starts = [];
    for (let count = 0; count < options.starts; count += 1) {
      progress(`start ${count + 1} of ${options.starts}`);
      if (proxy !== undefined) {
        await proxy.portals();
        await proxy.stop();
      }
      proxy = await startProxy(request, children);
      starts.push(proxy.start);
    }
    if (proxy === undefined) throw new Error('nothing was started');
    progress('memory, after a while of quiet');
    await sleep(QUIET_MS);
    const settled = memoryOf(proxy.pid).resident;
    const portals = await proxy.portals();
    const changes = new TimedChanges(cluster, probe, listening.ports, portals, probedServices(shape));
    progress('changes');
    const connectionMs = await changes.timeConnections(options.repetitions);
    const quietMs = await changes.timeMoves(options.repetitions);
    progress('changes beside others');
    await cluster.ask<Done>({ kind: 'churn', perSecond: CHURN_PER_SECOND }, 'done', ANSWER_MS);
    const churnMs = await changes.timeMoves(options.repetitions);
    await cluster.ask<Done>({ kind: 'churn', perSecond: 0 }, 'done', ANSWER_MS);
    progress('changes one after another');
    const cpuPerChangeMs = await cpuOfChanges(cluster, proxy);
    const { resident: changed, peak } = memoryOf(proxy.pid);
    await changes.timeMoves(1);
    const { serviceBytes, sliceBytes } = filled;
    const memory = { settled, changed, peak };
    return {
      services,
      serviceBytes,
      sliceBytes,
      starts,
      memory,
      cpuPerChangeMs,
      quietMs,
      churnMs,
      connectionMs,
    };
  } finally {
    await proxy?.stop();
    await Promise.all([cluster.stop(), probe.stop()]);
  }
}

async function cpuOfChanges(cluster: AskedProcess<ClusterOrder>, { pid }: ProxyProgram): Promise<number> {
  const before = cpuMs(pid);
  const order = { kind: 'replace', count: CHANGES, everyMs: CHANGE_INTERVAL_MS } as const;
  await cluster.ask<Done>(order, 'done', CHANGES * CHANGE_INTERVAL_MS * 3 + ANSWER_MS);
  await sleep(TAKEN_MS);
  return (cpuMs(pid) - before) / CHANGES;
}

function memoryOf(pid: number): { readonly resident: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return { resident: residentBytes(status), peak: peakResidentBytes(status) };
}

/** Changes on the wire whose effect is waited for, one at a time, each of a Service chosen at random. */
class TimedChanges {
  /** Which endpoint each Service has; A where none is noted. */
  readonly #endpoint = new Map<number, EndpointName>();

  constructor(
    private readonly cluster: AskedProcess<ClusterOrder>,
    private readonly probe: AskedProcess<ProbeOrder>,
    private readonly ports: Readonly<Record<EndpointName, number>>,
    private readonly portals: ReadonlyMap<string, number>,
    private readonly services: readonly number[],
  ) {}

  async timeMoves(count: number): Promise<readonly number[]> {
    const ms: number[] = [];
    while (ms.length < count) ms.push(await this.#timeMove(this.#choose()));
    return ms;
  }

  /** How long a connection takes while nothing changes. */
  async timeConnections(count: number): Promise<readonly number[]> {
    const portals = Array.from({ length: count }, () => this.#portalOf(this.#choose()));
    const order = { kind: 'time-connections', portals } as const;
    return (await this.probe.ask<Timed>(order, 'timed', count * 100 + ANSWER_MS)).ms;
  }

  async #timeMove(service: number): Promise<number> {
    const until = this.#endpoint.get(service) === 'B' ? 'A' : 'B';
    await this.probe.ask<Probing>(
      { kind: 'probe', portal: this.#portalOf(service), until },
      'probing',
      ANSWER_MS,
    );
    const probed = this.probe.next<Probed>('probed', ANSWER_MS);
    const moved = this.cluster.ask<Moved>(
      { kind: 'move', service, port: this.ports[until] },
      'moved',
      ANSWER_MS,
    );
    const [{ acceptedAt }, { writtenAt }] = await Promise.all([probed, moved]);
    this.#endpoint.set(service, until);
    return acceptedAt - writtenAt;
  }

  #choose(): number {
    const chosen = this.services[Math.floor(Math.random() * this.services.length)];
    if (chosen === undefined) throw new Error('no Service is probed');
    return chosen;
  }

  #portalOf(service: number): number {
    const name = `${namespaceOf(service)}/${serviceNameOf(service)}:http`;
    const port = this.portals.get(name);
    if (port === undefined) throw new Error(`${name} has no portal`);
    return port;
  }
}

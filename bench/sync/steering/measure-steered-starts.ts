import { resolve } from 'node:path';
import type { Command, CommandRunner } from '../../../src/host/command-runner.js';
import type { ChildProcesses } from '../../child-processes.js';
import { AskedProcess } from '../asked-process.js';
import type { ClusterOrder, Filled } from '../messages.js';
import type { SyncOptions } from '../options.js';
import { type Start, startTimed } from '../proxy-program.js';
import { bareProgram } from './bare-program.js';
import { IN_NEW_NAMESPACES, inNamespacesOf } from './namespace.js';
import { type PacketFilter, steeringFlag } from './packet-filter.js';
import type { SteeredStarts } from './steered-starts-result.js';

const FILL_MS = 180_000;

/**
 * The whole program, from its start to its `ready` line, with each of these packet filters and with `--steering none`,
 * in turn. API server and program are in one namespace, as on a node; it has no rules when the program starts but
 * kubelet's chain. `progress` is told what is being done.
 */
export async function measureSteeredStarts(
  { filters, services }: { readonly filters: readonly PacketFilter[]; readonly services: number },
  options: Pick<SyncOptions, 'program' | 'starts'>,
  children: ChildProcesses,
  runner: CommandRunner,
  progress: (what: string) => void,
): Promise<SteeredStarts> {
  const cluster = new AskedProcess<ClusterOrder>(
    children,
    'cluster',
    './cluster-process.js',
    IN_NEW_NAMESPACES,
  );
  try {
    progress('filling the cluster');
    const probed = { shape: { services, probed: 0 }, endpoints: { addresses: [], port: 0 } };
    const filled = await cluster.ask<Filled>({ kind: 'fill', ...probed }, 'filled', FILL_MS);
    const node = new SteeredNode(inNamespacesOf(cluster.pid), runner);
    const request = {
      program: resolve(options.program),
      master: filled.url,
      serverPid: cluster.pid,
      services,
    };
    const starts = new Map<PacketFilter | 'none', Start[]>();
    for (let round = 1; round <= options.starts; round += 1) {
      for (const steering of ['none', ...filters] as const) {
        progress(`start ${round} of ${options.starts}, --steering ${steering}`);
        await node.prepare(steering);
        const flag = steering === 'none' ? steering : steeringFlag(steering);
        const proxy = await startTimed(request, { '--steering': flag }, children, node.through);
        starts.set(steering, [...(starts.get(steering) ?? []), proxy.start]);
        try {
          await node.mustSteer(steering, services);
        } finally {
          await proxy.stop();
        }
        await node.empty(steering);
      }
    }
    return { services, starts: Array.from(starts, ([steering, each]) => ({ steering, starts: each })) };
  } finally {
    await cluster.stop();
  }
}

/** The rules of the namespace that the program steers in. */
class SteeredNode {
  constructor(
    readonly through: readonly string[],
    private readonly runner: CommandRunner,
  ) {}

  async prepare(steering: PacketFilter | 'none'): Promise<void> {
    if (steering !== 'none') await this.#runAll(bareProgram(steering).showsKubelet);
  }

  /** @throws Error where not every Service has a rule of this filter. */
  async mustSteer(steering: PacketFilter | 'none', services: number): Promise<void> {
    if (steering === 'none') return;
    const { reads, countServices } = bareProgram(steering);
    const count = countServices(await this.#runAll(reads));
    if (count < services) throw new Error(`${steering}: ${count} of ${services} Services have rules`);
  }

  async empty(steering: PacketFilter | 'none'): Promise<void> {
    if (steering !== 'none') await this.#runAll(bareProgram(steering).empties);
  }

  async #runAll(commands: readonly Command[]): Promise<readonly string[]> {
    const printed: string[] = [];
    for (const command of commands) {
      const [program = '', ...args] = [...this.through, command.program, ...command.args];
      const { exitCode, stdout, stderr } = await this.runner.run({ ...command, program, args });
      if (exitCode !== 0) throw new Error(`${command.program}: ${stderr.trim()}`);
      printed.push(stdout);
    }
    return printed;
  }
}

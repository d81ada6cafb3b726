import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { StatusReport } from '../../../src/status/status-report.js';
import type { RefusedTraffic } from '../../../src/steering/steering.js';
import { Program } from '../program.js';
import { temporaryDirectory } from '../temporary-directory.js';
import type { FinishedProcess } from './finished-process.js';
import { NODE, NodeNetwork } from './node-network.js';
import { PacketFilter } from './packet-filter.js';
import type { FilterName } from './requirements.js';

const STATUS_URL = 'http://127.0.0.1:10249';

/** How often the program looks whether its rules stand, ms. */
export const SYNC_PERIOD_MS = 1_000;

/** A network whose node runs kube-splice with one packet filter. The tests of a file share it, one after another. */
export class SteeredNode {
  readonly filter: PacketFilter;

  private constructor(
    readonly network: NodeNetwork,
    filter: FilterName,
  ) {
    this.filter = new PacketFilter(filter, network);
  }

  static async create(filter: FilterName): Promise<SteeredNode> {
    return new SteeredNode(await NodeNetwork.create(), filter);
  }

  /**
   * Starts the built program on the node and waits until it is ready. What it steered is gone when the test ends.
   *
   * @param manifests what it serves: YAML.
   * @param through as for `launch`.
   */
  async start(
    manifests: readonly string[],
    flags: readonly string[] = [],
    through: readonly string[] = [],
  ): Promise<SteeringProgram> {
    onTestFinished(() => this.filter.clear());
    const directory = temporaryDirectory();
    const path = join(directory, 'services.yaml');
    writeFileSync(path, manifests.join('\n---\n'));
    const program = this.launch(['--manifests', path, ...flags], through);
    await program.says(/ready/);
    return new SteeringProgram(this, program, path);
  }

  /**
   * Starts it with these flags and those that every spec needs, without waiting.
   *
   * @param through a command on the node that becomes the program, which is its last arguments.
   */
  launch(flags: readonly string[], through: readonly string[] = []): Program {
    const own = [
      '--hostname-override',
      NODE.name,
      ...(flags.includes('--steering') ? [] : ['--steering', this.filter.steering]),
      '--iptables-sync-period',
      `${SYNC_PERIOD_MS}ms`,
      '--udp-timeout',
      '10s',
    ];
    return Program.start([...own, ...flags], {
      through: [...this.network.throughNode, ...through],
      environment: this.filter.environment,
    });
  }

  /** Runs it on the node to its end, with these flags only. */
  async run(...flags: readonly string[]) {
    const { environment } = this.filter;
    const program = Program.start(flags, { through: this.network.throughNode, environment });
    return { exitCode: await program.ended(), stdout: program.stdout, stderr: program.stderr };
  }

  async delete(): Promise<void> {
    this.filter.delete();
    await this.network.delete();
  }
}

/** A kube-splice that runs on the node, and the file that it serves. */
export class SteeringProgram {
  constructor(
    private readonly steered: SteeredNode,
    readonly program: Program,
    private readonly manifest: string,
  ) {}

  /** Serves this instead, from soon on. */
  declare(...manifests: readonly string[]): void {
    writeFileSync(this.manifest, manifests.join('\n---\n'));
  }

  async report(): Promise<StatusReport> {
    const { stdout } = await this.#get('/v1/status');
    return JSON.parse(stdout) as StatusReport;
  }

  /** What was sent straight to portals and refused, as the status report counts it. */
  async refused(): Promise<RefusedTraffic> {
    const { steering } = (await this.report()) as { steering: { refused?: RefusedTraffic | null } };
    if (steering.refused == null) throw new Error('the report does not count what is refused');
    return steering.refused;
  }

  /** The code that `/healthz` is answered with. */
  async healthCode(): Promise<number> {
    const { stdout } = await this.#get('/healthz', '-o', '/dev/null', '-w', '%{http_code}');
    return Number(stdout);
  }

  /** The portal's port of a service port. */
  async portOf(name: string): Promise<number> {
    const { servicePorts } = await this.report();
    const port = servicePorts.find((servicePort) => servicePort.name === name)?.portal?.port;
    if (port === undefined) throw new Error(`${name} has no portal`);
    return port;
  }

  /** Ends it at once, as a crash does: it can tidy nothing. */
  async kill(): Promise<void> {
    this.program.signal('SIGKILL');
    await this.program.ended();
  }

  /** Another one that serves the same file; it is not ready yet. */
  relaunch(flags: readonly string[] = []): SteeringProgram {
    const program = this.steered.launch(['--manifests', this.manifest, ...flags]);
    return new SteeringProgram(this.steered, program, this.manifest);
  }

  /** As `relaunch`, and waits until it is ready. */
  async restart(flags: readonly string[] = []): Promise<SteeringProgram> {
    const restarted = this.relaunch(flags);
    await restarted.program.says(/ready/);
    return restarted;
  }

  #get(path: string, ...flags: readonly string[]): Promise<FinishedProcess> {
    return this.steered.network.node.namespace.run(['curl', '-sS', ...flags, `${STATUS_URL}${path}`]);
  }
}

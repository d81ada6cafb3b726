import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { onTestFinished, vi } from 'vitest';
import type { StatusReport } from '../../src/status/status-report.js';
import { within } from './deadline.js';

const MAIN = resolve(import.meta.dirname, '../../dist/main.js');

/** So that a proxy that a spec runs on the host itself never touches the packet rules of the host. */
export const WITHOUT_STEERING: readonly string[] = ['--steering', 'none'];

/** Starting Node takes a while on a busy machine, in ms. */
const START_DEADLINE_MS = 15_000;

export interface ProgramOptions {
  /** Arguments of Node itself, before the program. */
  readonly nodeArguments?: readonly string[];
  /** At most so many file descriptors. */
  readonly openFiles?: number;
  /** Variables beside those of this process. */
  readonly environment?: Readonly<Record<string, string>>;
  /** A command that becomes the program, which is its last arguments. */
  readonly through?: readonly string[];
}

/** The built program, as a process of its own. It is killed when the test ends, if it still runs. */
export class Program {
  stdout = '';
  stderr = '';
  readonly #process: ChildProcess;
  readonly #ended: Promise<number | NodeJS.Signals>;

  private constructor(
    [command = '', ...argv]: readonly string[],
    environment: ProgramOptions['environment'],
  ) {
    this.#process = spawn(command, argv, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
    });
    this.#process.stdout?.on('data', (data) => {
      this.stdout += data;
    });
    this.#process.stderr?.on('data', (data) => {
      this.stderr += data;
    });
    this.#ended = once(this.#process, 'close').then(([code, signal]) => code ?? signal);
    onTestFinished(async () => {
      this.#process.kill('SIGKILL');
      await this.#ended;
    });
  }

  /** Starts `kube-splice` with these arguments. */
  static start(argv: readonly string[], options: ProgramOptions = {}): Program {
    if (!existsSync(MAIN)) throw new Error(`${MAIN} is missing: npm run build makes it`);
    const { nodeArguments = [], openFiles, environment, through = [] } = options;
    // The shell's limit is inherited; exec leaves the program its process.
    const limited =
      openFiles === undefined ? [] : ['/bin/sh', '-c', `ulimit -n ${openFiles} && exec "$@"`, 'sh'];
    return new Program(
      [...through, ...limited, process.execPath, ...nodeArguments, MAIN, ...argv],
      environment,
    );
  }

  /** Runs it to its end: the exit code, and what it wrote. */
  static async run(...argv: readonly string[]) {
    const program = Program.start(argv);
    return { exitCode: await program.ended(), stdout: program.stdout, stderr: program.stderr };
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }

  /** The exit code, or the signal that ended it. */
  ended(): Promise<number | NodeJS.Signals> {
    return within('the end of the program', this.#ended, START_DEADLINE_MS);
  }

  /** Resolves when standard error matches, with the match. */
  says(pattern: RegExp): Promise<RegExpMatchArray> {
    return found(pattern, () => this.stderr);
  }

  /** Resolves when standard output matches, with the match. */
  prints(pattern: RegExp): Promise<RegExpMatchArray> {
    return found(pattern, () => this.stdout);
  }
}

async function found(pattern: RegExp, text: () => string): Promise<RegExpMatchArray> {
  return vi.waitFor(
    () => {
      const match = text().match(pattern);
      if (match === null) throw new Error(`not there: ${pattern}; there is: ${text()}`);
      return match;
    },
    { timeout: START_DEADLINE_MS, interval: 10 },
  );
}

/** A running proxy with a status server on a port of its own, on a loopback address of its own. */
export class RunningProgram {
  private constructor(
    readonly program: Program,
    readonly statusAddress: string,
    readonly statusPort: number,
    /** As given to `start`. */
    readonly argv: readonly string[],
  ) {}

  /**
   * Starts the proxy and waits until it is ready. It steers nothing where `argv` has no `--steering`.
   *
   * @param address a loopback address that no other spec uses at the same time, so that every port of it is free.
   */
  static async start(
    address: string,
    argv: readonly string[],
    options: ProgramOptions = {},
  ): Promise<RunningProgram> {
    const running = RunningProgram.launch(address, argv, options);
    await running.program.says(/ready/);
    return running;
  }

  /** As `start`, without waiting. */
  static launch(address: string, argv: readonly string[], options: ProgramOptions = {}): RunningProgram {
    const statusPort = 10_249;
    const own = [
      '--bind-address',
      address,
      '--healthz-bind-address',
      address,
      '--healthz-port',
      `${statusPort}`,
      '--metrics-bind-address',
      `${address}:${statusPort}`,
      ...(argv.some((argument) => argument.startsWith('--steering')) ? [] : WITHOUT_STEERING),
    ];
    return new RunningProgram(Program.start([...own, ...argv], options), address, statusPort, argv);
  }

  get(path: string): Promise<Response> {
    return fetch(`http://${this.statusAddress}:${this.statusPort}${path}`);
  }

  async report(): Promise<StatusReport> {
    const response = await this.get('/v1/status');
    return (await response.json()) as StatusReport;
  }

  /** The portal's port of a service port. */
  async portOf(name: string): Promise<number> {
    const { servicePorts } = await this.report();
    const port = servicePorts.find((servicePort) => servicePort.name === name)?.portal?.port;
    if (port === undefined) throw new Error(`${name} has no portal`);
    return port;
  }
}

/** Writes a manifest that declares these Services, and returns its path. */
export function writeManifest(path: string, ...services: readonly string[]): string {
  writeFileSync(path, services.join('---\n'));
  return path;
}

/** A Service with one port, and an EndpointSlice for it. */
export function serviceManifest(
  name: string,
  endpoints: readonly { readonly address: string; readonly port: number }[],
  { protocol = 'TCP', spec = '' }: { protocol?: 'TCP' | 'UDP'; spec?: string } = {},
): string {
  const slices = endpoints.map(
    ({ address, port }, index) => `---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: ${name}-${index}
  labels: { kubernetes.io/service-name: ${name} }
addressType: ${address.includes(':') ? 'IPv6' : 'IPv4'}
endpoints: [{ addresses: ["${address}"], conditions: { ready: true } }]
ports: [{ name: main, port: ${port}, protocol: ${protocol} }]
`,
  );
  return `apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec:
  ports: [{ name: main, port: 80, protocol: ${protocol} }]
${spec}${slices.join('')}`;
}

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { V1Container, V1PodSpec, V1Probe } from '@kubernetes/client-node';
import { eventually, within } from '../deadline.js';
import { type FinishedProcess, runProcess } from '../network/finished-process.js';
import type { NetworkNamespace } from '../network/network-namespace.js';
import { type ContainerConfig, containerConfig } from './container-config.js';
import type { ContainerImage } from './container-image.js';
import type { DeployedPod } from './deployed-pod.js';
import { makeVolumes } from './volumes.js';

/** Starting Node in a container takes a while on a busy machine, ms. */
const START_DEADLINE_MS = 30_000;

/** crun refuses a host that has both versions of control groups at one place, also where it is to make none. */
const ONE_CGROUP_HIERARCHY = 'mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$@"';

/** Where a pod runs, and as whom it speaks to its API server. */
export interface PodPlace {
  readonly image: ContainerImage;
  readonly network: NetworkNamespace;
  readonly nodeName: string;
  readonly token: string;
  /** PEM, as Kubernetes publishes it in each namespace (`kube-root-ca.crt`). */
  readonly authority: string;
}

/** A pod as a kubelet runs it: its volumes and security contexts are those of its spec, and crun starts its containers. */
export class RunningPod {
  readonly #containers = new Map<string, RunningContainer>();

  private constructor(private readonly directory: string) {}

  /** Starts every container, and waits for none. `delete` is to be called. */
  static async start({ spec, configMaps }: DeployedPod, place: PodPlace): Promise<RunningPod> {
    const directory = mkdtempSync(join(tmpdir(), 'kube-splice-pod-'));
    // Its volumes are for other users, too.
    chmodSync(directory, 0o755);
    const pod = new RunningPod(directory);
    try {
      await pod.#start(spec, configMaps, place);
    } catch (error) {
      await pod.delete();
      throw error;
    }
    return pod;
  }

  async #start(spec: V1PodSpec, configMaps: DeployedPod['configMaps'], place: PodPlace): Promise<void> {
    const { directory } = this;
    const [volumesDirectory, host] = [join(directory, 'volumes'), join(directory, 'host')];
    for (const path of [volumesDirectory, host]) mkdirSync(path);
    const volumes = makeVolumes(spec, {
      directory: volumesDirectory,
      host,
      configMaps: new Map([...configMaps, ['kube-root-ca.crt', { 'ca.crt': place.authority }]]),
      token: place.token,
    });
    for (const container of spec.containers) {
      const config = containerConfig(spec, container, {
        rootfs: place.image.rootfs,
        entrypoint: place.image.entrypoint,
        network: `/run/netns/${place.network.name}`,
        nodeName: place.nodeName,
        volumes,
      });
      const running = new RunningContainer(container, config, directory, place.network);
      this.#containers.set(container.name, running);
      await running.start();
    }
  }

  container(name: string): RunningContainer {
    const container = this.#containers.get(name);
    if (container === undefined) throw new Error(`the pod has no container ${name}`);
    return container;
  }

  async delete(): Promise<void> {
    for (const container of this.#containers.values()) await container.end();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

type ProbeName = 'startupProbe' | 'livenessProbe' | 'readinessProbe';

/** A container of a pod. `start` again after `end` is what a kubelet does with one that has ended. */
export class RunningContainer {
  readonly #bundle: string;
  readonly #id: string;
  #process: ChildProcess | undefined;
  /** What it wrote, of all its starts. */
  output = '';

  constructor(
    private readonly spec: V1Container,
    private readonly config: ContainerConfig,
    directory: string,
    private readonly network: NetworkNamespace,
  ) {
    this.#bundle = join(directory, spec.name);
    this.#id = `kubesplice-${process.pid}-${spec.name}`;
    mkdirSync(this.#bundle);
    writeFileSync(join(this.#bundle, 'config.json'), JSON.stringify(config));
  }

  async start(): Promise<void> {
    const argv = this.#crun('run', '--bundle', this.#bundle, this.#id);
    const [program = '', ...args] = argv;
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process = child;
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (data) => {
        this.output += String(data);
      });
    await eventually(async () => {
      if (child.exitCode !== null) throw new Error(`${this.spec.name} ended: ${this.output}`);
      expectRunning(await this.#state());
    }, START_DEADLINE_MS);
  }

  /** Its first process, as this host numbers it. */
  async pid(): Promise<number> {
    return (await this.#state()).pid;
  }

  /** A line of `/proc/PID/status` (proc(5)) of its first process, without its name. */
  async statusLine(name: string): Promise<string | undefined> {
    const status = readFileSync(`/proc/${await this.pid()}/status`, 'utf8');
    return new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1];
  }

  /** Runs a command in it, as the container's user with the container's privileges. */
  run(...args: readonly string[]): Promise<FinishedProcess> {
    const file = join(this.#bundle, 'process.json');
    writeFileSync(file, JSON.stringify({ ...this.config.process, args }));
    return runProcess(this.#crun('exec', '--process', file, this.#id));
  }

  /** Resolves when it answers a probe of its spec as it should. */
  async passes(name: ProbeName): Promise<void> {
    const probe = this.spec[name];
    if (probe === undefined) throw new Error(`${this.spec.name} has no ${name}`);
    await eventually(async () => {
      const { exitCode, stderr } = await this.#probe(probe);
      if (exitCode !== 0) throw new Error(`${name} fails: ${stderr}; ${this.output}`);
    }, START_DEADLINE_MS);
  }

  /** Ends it at once, as the kernel does when memory is short. */
  async end(): Promise<void> {
    const child = this.#process;
    if (child === undefined) return;
    const ended = child.exitCode === null ? once(child, 'close') : [];
    await runProcess(this.#crun('delete', '--force', this.#id));
    await within(`the end of ${this.spec.name}`, Promise.resolve(ended));
    this.#process = undefined;
  }

  #probe({ exec, httpGet }: V1Probe): Promise<FinishedProcess> {
    if (exec?.command !== undefined) return this.run(...exec.command);
    if (httpGet === undefined)
      throw new Error(`${this.spec.name} has a probe of a kind that is not known here`);
    const url = `http://${httpGet.host}:${String(httpGet.port)}${httpGet.path}`;
    return this.network.run(['curl', '--silent', '--show-error', '--fail', '--max-time', '5', url]);
  }

  async #state(): Promise<ContainerState> {
    const { exitCode, stdout, stderr } = await runProcess(this.#crun('state', this.#id));
    if (exitCode !== 0) throw new Error(stderr);
    return JSON.parse(stdout) as ContainerState;
  }

  #crun(command: string, ...argv: readonly string[]): readonly string[] {
    const crun = ['crun', '--cgroup-manager=disabled', '--root', join(this.#bundle, 'state')];
    return ['unshare', '--mount', '/bin/sh', '-c', ONE_CGROUP_HIERARCHY, 'sh', ...crun, command, ...argv];
  }
}

interface ContainerState {
  readonly status: string;
  readonly pid: number;
}

function expectRunning({ status }: ContainerState): void {
  if (status !== 'running') throw new Error(`it is ${status}`);
}

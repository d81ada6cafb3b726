import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { CommandResult } from '../../src/host/command-runner.js';
import { SpawnedCommands } from '../../src/host/spawned-commands.js';
import { eventually } from './deadline.js';

const REPOSITORY = resolve(import.meta.dirname, '../..');
const BOOT = join(import.meta.dirname, 'systemd-machine.sh');
const SYSTEMD = '/lib/systemd/systemd';
const NEW_NAMESPACES = ['--pid', '--fork', '--kill-child', '--mount', '--net', '--cgroup', '--uts', '--ipc'];
const BOOT_DEADLINE_MS = 120_000;
const COMMAND_TIMEOUT_MS = 300_000;

/** Where control groups of the second version are: alone, or beside those of the first (cgroups(7)). */
function cgroup2(): string | undefined {
  return ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'].find(
    (path) => existsSync(join(path, 'cgroup.procs')) && existsSync(join(path, 'cgroup.controllers')),
  );
}

/** Why no machine can be had here; undefined where one can. */
export function whyNoMachine(): string | undefined {
  if (process.getuid?.() !== 0) return 'not root';
  if (!existsSync(SYSTEMD)) return `no ${SYSTEMD}`;
  if (cgroup2() === undefined) return 'no cgroup2';
  const base = mkdtempSync(join(tmpdir(), 'kube-splice-probe-'));
  const script = `mount -t tmpfs tmpfs ${base} && cd ${base} && mkdir u w r && mount -t overlay overlay -o lowerdir=/,upperdir=u,workdir=w r`;
  const probe = spawnSync('unshare', [...NEW_NAMESPACES, 'sh', '-ec', script], { encoding: 'utf8' });
  rmSync(base, { recursive: true, force: true });
  return probe.status === 0 ? undefined : `unshare: ${probe.stderr}${probe.error?.message ?? ''}`.trim();
}

/**
 * A machine that systemd runs, in namespaces of its own: this host's files with what is written kept in memory, the repository at
 * /repository, a network that is its loopback. Nothing of this host is started, changed or seen by it.
 */
export class SystemdMachine {
  readonly #commands = new SpawnedCommands();

  private constructor(
    private readonly process: ChildProcess,
    private readonly base: string,
    private readonly cgroup: string,
    /** Of systemd, as this host has it. */
    readonly pid: number,
  ) {}

  /** Resolves when it has started all that it starts. Whoever boots it ends it. */
  static async boot(): Promise<SystemdMachine> {
    const base = mkdtempSync(join(tmpdir(), 'kube-splice-machine-'));
    const cgroup = join(cgroup2() ?? '', `kube-splice-spec-${process.pid}`);
    mkdirSync(cgroup, { recursive: true });
    const enter = `echo $$ >${cgroup}/cgroup.procs && exec unshare "$@"`;
    const argv = ['-c', enter, 'sh', ...NEW_NAMESPACES, 'bash', BOOT, base, REPOSITORY];
    const child = spawn('/bin/sh', argv, { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    child.stdout.on('data', (data) => {
      said += String(data);
    });
    child.stderr.on('data', (data) => {
      said += String(data);
    });
    let pid = 0;
    await eventually(() => {
      if (child.exitCode !== null) throw new Error(`the machine ended: ${said}`);
      pid = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8'));
      if (readFileSync(`/proc/${pid}/comm`, 'utf8').trim() !== 'systemd') throw new Error('no systemd yet');
    }, BOOT_DEADLINE_MS);
    const machine = new SystemdMachine(child, base, cgroup, pid);
    await eventually(async () => {
      const { stdout } = await machine.run('systemctl', 'is-system-running');
      if (!/^(running|degraded)/.test(stdout)) throw new Error(`the machine is ${stdout}; ${said}`);
    }, BOOT_DEADLINE_MS);
    return machine;
  }

  /** Runs a command in it to its end. */
  run(...command: readonly string[]): Promise<CommandResult> {
    return this.#commands.run({
      program: 'nsenter',
      args: [...this.#enter(), ...command],
      timeoutMs: COMMAND_TIMEOUT_MS,
    });
  }

  /** The same for a command that is to succeed: what it printed. */
  async must(...command: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.run(...command);
    if (exitCode !== 0) throw new Error(`${command.join(' ')}: ${exitCode}: ${stdout}${stderr}`);
    return stdout;
  }

  /** Starts a command in it that goes on. */
  spawn(...command: readonly string[]) {
    return spawn('nsenter', [...this.#enter(), ...command], { stdio: ['pipe', 'pipe', 'inherit'] });
  }

  /** A property of a unit, as `systemctl show` has it. */
  async property(unit: string, name: string): Promise<string> {
    return (await this.must('systemctl', 'show', '--property', name, '--value', unit)).trim();
  }

  async end(): Promise<void> {
    const ended = once(this.process, 'close');
    this.process.kill('SIGKILL');
    process.kill(this.pid, 'SIGKILL');
    await ended;
    await eventually(() => removeCgroup(this.cgroup));
    rmSync(this.base, { recursive: true, force: true });
  }

  #enter(): string[] {
    return ['--target', `${this.pid}`, '--all'];
  }
}

/** From the inside out; fails while a process of it has not gone yet. */
function removeCgroup(path: string): void {
  if (!existsSync(path)) return;
  for (const entry of readdirSync(path, { withFileTypes: true }))
    if (entry.isDirectory()) removeCgroup(join(path, entry.name));
  rmdirSync(path);
}

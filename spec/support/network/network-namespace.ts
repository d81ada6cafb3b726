import { readdirSync } from 'node:fs';
import { type FinishedProcess, outputOf, type ProcessOptions, runProcess } from './finished-process.js';

/** Where `ip netns` keeps the namespaces that have a name (ip-netns(8)). */
const NAMED_NAMESPACES = '/run/netns';

/** `kubesplice-PID-NUMBER-ROLE`: the name tells whose it is, and that it is nobody's when that process is gone. */
const OUR_NAME = /^kubesplice-(\d+)-\d+-/;

let made = 0;

/** A network of its own for the processes in it: interfaces, routes, packet rules, connection tracking. */
export class NetworkNamespace {
  private constructor(readonly name: string) {}

  /** An empty one, whose loopback is up. */
  static async create(role: string): Promise<NetworkNamespace> {
    made += 1;
    const namespace = new NetworkNamespace(`kubesplice-${process.pid}-${made}-${role}`);
    await outputOf(['ip', 'netns', 'add', namespace.name]);
    await namespace.set('net/ipv6/conf/default/accept_dad', '0');
    await namespace.ip('link', 'set', 'lo', 'up');
    return namespace;
  }

  /** The command that runs another one here: its process becomes that one's. */
  get through(): readonly string[] {
    return ['ip', 'netns', 'exec', this.name];
  }

  run(argv: readonly string[], options?: ProcessOptions): Promise<FinishedProcess> {
    return runProcess([...this.through, ...argv], options);
  }

  /** As `run`: what it prints. Rejects where it fails. */
  output(argv: readonly string[], options?: ProcessOptions): Promise<string> {
    return outputOf([...this.through, ...argv], options);
  }

  /** One `ip` command. */
  async ip(...args: readonly string[]): Promise<void> {
    await outputOf(['ip', '-n', this.name, ...args]);
  }

  /** Several `ip` commands, one a line. */
  async ipBatch(...lines: readonly string[]): Promise<void> {
    await outputOf(['ip', '-n', this.name, '-batch', '-'], { input: `${lines.join('\n')}\n` });
  }

  /** Sets a kernel parameter by its path below /proc/sys. */
  async set(parameter: string, value: string): Promise<void> {
    await this.output(['/bin/sh', '-c', 'printf %s "$1" > "/proc/sys/$0"', parameter, value]);
  }

  /** Deletes it with everything in it. What was started in it and still runs is killed: it would keep what it holds. */
  async delete(): Promise<void> {
    await deleteNamespace(this.name);
  }
}

/** Deletes what earlier runs left behind, whose processes are gone. */
export async function deleteOrphanedNamespaces(): Promise<void> {
  for (const name of namedNamespaces()) {
    const owner = OUR_NAME.exec(name)?.[1];
    // Another run, at the same time as this one, may be quicker: it is deleted then.
    if (owner !== undefined && !isRunning(Number(owner))) await deleteNamespace(name).catch(() => undefined);
  }
}

async function deleteNamespace(name: string): Promise<void> {
  const { stdout } = await runProcess(['ip', 'netns', 'pids', name]);
  for (const pid of stdout.split('\n').filter((line) => line !== '')) killProcess(Number(pid));
  await outputOf(['ip', 'netns', 'delete', name]);
}

function killProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}

function namedNamespaces(): readonly string[] {
  try {
    return readdirSync(NAMED_NAMESPACES);
  } catch {
    // `ip netns add` makes the directory: there was none yet.
    return [];
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import type { Command, CommandResult, CommandRunner } from '../../../src/host/command-runner.js';
import { SpawnedCommands } from '../../../src/host/spawned-commands.js';

/** What specs of the real programs need; a sentence that says what is missing, or null where all of it is there. */
export function whyNoRealIptables(): string | null {
  if (process.getuid?.() !== 0) return 'needs root';
  const programs = ['iptables-legacy', 'iptables-nft', 'ip6tables-legacy', 'ip6tables-nft', 'ip'];
  const missing = programs.filter((name) => !existsSync(`/usr/sbin/${name}`));
  return missing.length === 0 ? null : `needs ${missing.join(', ')} in /usr/sbin`;
}

/** The real programs in a network namespace of their own, which is gone when it is closed. */
export class RealIptables implements CommandRunner {
  readonly #commands = new SpawnedCommands();

  private constructor(
    private readonly holder: ChildProcess,
    private readonly pid: number,
  ) {}

  static async start(): Promise<RealIptables> {
    const holder = spawn(
      'unshare',
      ['--net', 'sh', '-c', 'ip link set lo up && echo ready && exec sleep 600'],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    await once(holder.stdout, 'data');
    if (holder.pid === undefined) throw new Error('unshare has no process id');
    return new RealIptables(holder, holder.pid);
  }

  run(command: Command): Promise<CommandResult> {
    const args = [`--net=/proc/${this.pid}/ns/net`, '--', command.program, ...command.args];
    return this.#commands.run({ ...command, program: 'nsenter', args });
  }

  async close(): Promise<void> {
    const ended = once(this.holder, 'exit');
    this.holder.kill('SIGKILL');
    await ended;
  }
}

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Command, CommandResult } from '../../../src/host/command-runner.js';
import { programSearch } from '../../../src/host/program-search.js';
import { SpawnedCommands } from '../../../src/host/spawned-commands.js';
import { isLockHeld } from '../../../src/steering/iptables/probe.js';
import {
  LOCK_HELD_EXIT_CODE,
  type LockPrograms,
  underXtablesLock,
} from '../../../src/steering/iptables/xtables-lock.js';
import { eventually, within } from '../../support/deadline.js';

const find = programSearch(process.env.PATH);
const [perl, flock, iptables] = [find('perl'), find('flock'), find('iptables-legacy')];

const FILE = '/run/xtables.lock';

/** Takes the lock of 1.4.20 and keeps it, or fails at once. */
const BIND = 'socket(my $s, AF_UNIX, SOCK_STREAM, 0); bind($s, pack_sockaddr_un("\\0xtables")) or exit 1;';

/** What a program that is run says first, and how it comes to its end: when its standard input ends. */
const HOLDING = 'echo holding; cat >/dev/null; echo "$1" >>/run/order; exit 3';

/** A program that was started, and goes on until it is released. */
interface Started {
  readonly pid: number;
  release(): void;
  readonly ended: Promise<CommandResult>;
}

/** A mount and a network namespace of its own: neither lock of the host is ever touched. */
class PrivateHost {
  readonly #runner = new SpawnedCommands();

  private constructor(private readonly pid: number) {}

  static async create(): Promise<PrivateHost> {
    const script = 'mount -t tmpfs none /run && echo ready && exec cat';
    const anchor = spawn('unshare', ['--mount', '--net', '/bin/sh', '-c', script], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const ended = once(anchor, 'close');
    onTestFinished(async () => {
      anchor.stdin.end();
      await within('the end of a namespace', ended);
    });
    await within('a namespace', once(anchor.stdout, 'data'));
    return new PrivateHost(anchor.pid ?? 0);
  }

  inside({ program, args, ...rest }: Command): Command {
    return {
      ...rest,
      program: 'nsenter',
      args: [`--target=${this.pid}`, '--mount', '--net', program, ...args],
    };
  }

  run(command: Command): Promise<CommandResult> {
    return this.#runner.run(this.inside(command));
  }

  /** What the shell prints. */
  async sh(script: string): Promise<string> {
    return (await this.run(shell(script))).stdout;
  }

  /** Starts a program; one that holds is known to when this resolves. */
  async start(command: Command, { holds }: { holds: boolean }): Promise<Started> {
    const { program, args } = this.inside(command);
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    const output = { stdout: '', stderr: '' };
    child.stdout.on('data', (data) => (output.stdout += data));
    child.stderr.on('data', (data) => (output.stderr += data));
    const ended = once(child, 'close').then(([exitCode]) => ({ exitCode, ...output }));
    onTestFinished(async () => {
      child.kill('SIGKILL');
      await ended;
    });
    if (holds) await within('a program that holds', once(child.stdout, 'data'));
    return { pid: child.pid ?? 0, release: () => void child.stdin.end(), ended };
  }

  /** Which of the two locks another program could take now. */
  async free(): Promise<{ file: boolean; socket: boolean }> {
    const file = await this.run({ program: flock ?? '', args: ['-n', FILE, 'true'] });
    const socket = await this.run({ program: perl ?? '', args: ['-MSocket', '-e', BIND] });
    return { file: file.exitCode === 0, socket: socket.exitCode === 0 };
  }
}

function shell(script: string, ...args: readonly string[]): Command {
  return { program: '/bin/sh', args: ['-c', script, 'sh', ...args] };
}

/** Somebody else who holds the file, or the socket. */
const HOLDERS: Readonly<Record<'file' | 'socket', Command>> = {
  file: { program: flock ?? '', args: [FILE, '/bin/sh', '-c', HOLDING, 'sh', 'holder'] },
  socket: {
    program: perl ?? '',
    args: ['-MSocket', '-e', `$^F = 255; ${BIND} exec @ARGV`, '/bin/sh', '-c', HOLDING, 'sh', 'holder'],
  },
};

/** What this process and its children have open. */
function openFiles(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
}

const PERL: LockPrograms = { perl, flock: null };
const FLOCK: LockPrograms = { perl: null, flock };
const NEITHER: LockPrograms = { perl: null, flock: null };

const mayUnshare = spawnSync('unshare', ['--mount', '--net', 'true']).status === 0;
const missing = [
  ...(mayUnshare ? [] : ['root with CAP_SYS_ADMIN']),
  ...Object.entries({ perl, flock, nsenter: find('nsenter') }).flatMap(([name, path]) =>
    path === null ? [name] : [],
  ),
].join(', ');
const skipped = missing === '' ? '' : ` (SKIPPED: needs ${missing})`;

describe.skipIf(missing !== '')(`the locks of iptables${skipped}`, () => {
  it('are both held with perl as long as the program runs, and free afterwards', async () => {
    const host = await PrivateHost.create();
    const started = await host.start(underXtablesLock(shell(HOLDING), PERL), { holds: true });
    expect(await host.free()).toEqual({ file: false, socket: false });
    // The name that iptables binds, to the byte: no padding.
    expect(await host.sh('cat /proc/net/unix')).toMatch(/ @xtables$/m);
    started.release();
    expect(await started.ended).toEqual({ exitCode: 3, stdout: 'holding\n', stderr: '' });
    expect(await host.free()).toEqual({ file: true, socket: true });
  });

  it('are one with flock, the file, as long as the program runs', async () => {
    const host = await PrivateHost.create();
    const started = await host.start(underXtablesLock(shell(HOLDING), FLOCK), { holds: true });
    expect(await host.free()).toEqual({ file: false, socket: true });
    started.release();
    expect(await started.ended).toEqual({ exitCode: 3, stdout: 'holding\n', stderr: '' });
    expect(await host.free()).toEqual({ file: true, socket: true });
  });

  it('are none without either: the command is as it was', () => {
    const command = shell(HOLDING);
    expect(underXtablesLock(command, NEITHER)).toBe(command);
  });

  it.each([
    ['perl', PERL],
    ['flock', FLOCK],
  ])(
    'are free, too, when a program is killed that %s took them for: it is that very process',
    async (_, programs) => {
      const host = await PrivateHost.create();
      const started = await host.start(underXtablesLock(shell(HOLDING), programs), { holds: true });
      process.kill(started.pid, 'SIGKILL');
      expect((await started.ended).exitCode).toBeNull();
      await eventually(async () => expect(await host.free()).toEqual({ file: true, socket: true }));
    },
  );

  it.each([
    ['perl', 'file', PERL],
    ['perl', 'socket', PERL],
    ['flock', 'file', FLOCK],
  ] as const)('are waited for with %s where somebody holds the %s', async (_, lock, programs) => {
    const host = await PrivateHost.create();
    const holder = await host.start(HOLDERS[lock], { holds: true });
    const waiting = await host.start(underXtablesLock(shell('echo ran >>/run/order'), programs), {
      holds: false,
    });
    // It has come as far as the lock.
    await eventually(() => expect(openFiles(waiting.pid)).toContain(FILE));
    holder.release();
    expect(await within('the lock', waiting.ended)).toEqual({ exitCode: 0, stdout: '', stderr: '' });
    expect(await host.sh('cat /run/order')).toBe('holder\nran\n');
  });

  it('are given up on after five seconds, in the words of iptables, and nothing is run', async () => {
    const cases = [
      { lock: 'file', programs: PERL, named: FILE },
      { lock: 'socket', programs: PERL, named: '@xtables' },
      { lock: 'file', programs: FLOCK, named: FILE },
    ] as const;
    const began = Date.now();
    await Promise.all(
      cases.map(async ({ lock, programs, named }) => {
        const host = await PrivateHost.create();
        await host.start(HOLDERS[lock], { holds: true });
        const result = await host.run(underXtablesLock(shell('echo ran >>/run/order'), programs));
        expect(result).toEqual({
          exitCode: LOCK_HELD_EXIT_CODE,
          stdout: '',
          stderr: `Another app is currently holding the xtables lock: ${named}\n`,
        });
        expect(isLockHeld(result.stderr)).toBe(true);
        expect(Date.now() - began).toBeGreaterThan(3_900);
        expect(await host.sh('cat /run/order')).toBe('');
      }),
    );
    expect(LOCK_HELD_EXIT_CODE).toBe(4);
  });

  it.skipIf(iptables === null).each([
    ['perl', PERL],
    ['flock', FLOCK],
  ])('are what a real iptables finds held with %s', async (_, programs) => {
    const host = await PrivateHost.create();
    const list: Command = { program: iptables ?? '', args: ['-w', '1', '-n', '-L'] };
    expect((await host.run(list)).exitCode).toBe(0);
    const started = await host.start(underXtablesLock(shell(HOLDING), programs), { holds: true });
    const refused = await host.run(list);
    expect([refused.exitCode, isLockHeld(refused.stderr)]).toEqual([LOCK_HELD_EXIT_CODE, true]);
    started.release();
    await started.ended;
    expect((await host.run(list)).exitCode).toBe(0);
  });
});

describe.skipIf(missing !== '')(`a program under the locks of iptables${skipped}`, () => {
  it.each([
    ['perl', PERL],
    ['flock', FLOCK],
    ['neither', NEITHER],
  ])('reads, prints and exits as it does without, with %s', async (_, programs) => {
    const host = await PrivateHost.create();
    const words = ['--noflush', 'a b', '$(id)', "'", '"', '', '-w'];
    const script = 'printf "[%s]" "$@"; cat; echo failed >&2; exit 7';
    const command = { ...shell(script, ...words), input: '*nat\nCOMMIT\n', timeoutMs: 9_000 };
    const locked = underXtablesLock(command, programs);
    expect(locked).toMatchObject({ input: command.input, timeoutMs: 9_000 });
    expect(await host.run(locked)).toEqual({
      exitCode: 7,
      stdout: `${words.map((word) => `[${word}]`).join('')}*nat\nCOMMIT\n`,
      stderr: 'failed\n',
    });
  });

  it.skipIf(iptables === null).each([
    ['perl', PERL],
    ['flock', FLOCK],
  ])(
    'that takes the lock itself, though its release could not be read, does not wait for us, with %s',
    async (_, programs) => {
      const host = await PrivateHost.create();
      const restore = {
        program: `${iptables}-restore`,
        args: ['--noflush'],
        input: '*nat\nCOMMIT\n',
        timeoutMs: 9_000,
      };
      expect(await host.run(underXtablesLock(restore, programs))).toMatchObject({ exitCode: 0, stderr: '' });
    },
  );

  it.each([
    ['perl', PERL],
    ['flock', FLOCK],
  ])('has a lock file that is for root alone, where %s made it', async (_, programs) => {
    const host = await PrivateHost.create();
    await host.run(underXtablesLock(shell('exit 0'), programs));
    expect(await host.sh(`stat -c %a ${FILE}`)).toBe('600\n');
    expect((await host.run(underXtablesLock(shell('umask'), programs))).stdout).toBe(await host.sh('umask'));
  });

  it.each([
    ['perl', PERL],
    ['flock', FLOCK],
  ])('is run without the file where there is no place for it, with %s', async (_, programs) => {
    const host = await PrivateHost.create();
    await host.run(shell(`mkdir ${FILE}`));
    expect(await host.run(underXtablesLock(shell('echo ran'), programs))).toEqual({
      exitCode: 0,
      stdout: 'ran\n',
      stderr: '',
    });
  });

  it.each([
    ['perl', PERL],
    ['flock', FLOCK],
  ])('that is not there fails in the words of the system, with %s', async (_, programs) => {
    const host = await PrivateHost.create();
    const result = await host.run(
      underXtablesLock({ program: '/nowhere/iptables-restore', args: [] }, programs),
    );
    expect(result.exitCode).not.toBe(0);
    expect(result.stderr).toMatch(/\/nowhere\/iptables-restore.*(No such file|not found)/);
  });
});

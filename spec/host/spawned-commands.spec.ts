import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Command } from '../../src/host/command-runner.js';
import { programSearch } from '../../src/host/program-search.js';
import { SpawnedCommands } from '../../src/host/spawned-commands.js';
import { within } from '../support/deadline.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const commands = new SpawnedCommands();
const prlimit = programSearch(process.env.PATH)('prlimit');

/** A script for the shell, with words that it has as `$1`, `$2`, …. */
function sh(script: string, ...args: string[]): Command {
  return { program: '/bin/sh', args: ['-c', script, 'sh', ...args] };
}

/** Until it is called, this process can open no file. */
async function withoutFileDescriptors(program: string): Promise<() => Promise<void>> {
  const [pid, limit] = [
    String(process.pid),
    (process.report.getReport() as LimitsOfReport).userLimits.open_files.soft,
  ];
  const script = '"$1" --pid $2 --nofile=3: && echo none && read -r _; exec "$1" --pid $2 --nofile=$3:';
  const child = spawn('/bin/sh', ['-c', script, 'sh', program, pid, String(limit)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  const restore = async (): Promise<void> => {
    child.stdin.end();
    await within('files again', ended);
  };
  onTestFinished(restore);
  await within('the limit of open files', once(child.stdout, 'data'));
  return restore;
}

interface LimitsOfReport {
  readonly userLimits: { readonly open_files: { readonly soft: number | string } };
}

describe('a program that is run', () => {
  it('answers with its output, its errors and its exit code, whatever that is', async () => {
    expect(await commands.run(sh('echo out; echo err >&2; exit 3'))).toEqual({
      exitCode: 3,
      stdout: 'out\n',
      stderr: 'err\n',
    });
    expect(await commands.run(sh('exit 0'))).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  });

  it('is found in PATH by its name', async () => {
    expect(await commands.run({ program: 'echo', args: ['found'] })).toMatchObject({ stdout: 'found\n' });
  });

  it('has no exit code where a signal ended it', async () => {
    expect(await commands.run(sh('echo before; kill -TERM $$'))).toEqual({
      exitCode: null,
      stdout: 'before\n',
      stderr: '',
    });
  });

  it('gets its arguments as they are: no shell reads them', async () => {
    const words = ['$(id)', '`id`', '; id', '"quoted"', "it's", '*', '', 'a b', '-n', '\\', 'Größe\n'];
    const { stdout } = await commands.run(sh('printf "[%s]" "$@"', ...words));
    expect(stdout).toBe(words.map((word) => `[${word}]`).join(''));
  });

  it('reads what it is given, and nothing where it is given nothing', async () => {
    const input = 'Größe '.repeat(200_000);
    expect((await commands.run({ program: 'cat', args: [], input })).stdout).toBe(input);
    expect((await commands.run({ program: 'cat', args: [] })).stdout).toBe('');
  });

  it('may end before it has read everything: its own words count', async () => {
    const unread = { ...sh('echo "line 1 failed" >&2; exit 2'), input: 'x'.repeat(8 * 1024 * 1024) };
    expect(await commands.run(unread)).toEqual({ exitCode: 2, stdout: '', stderr: 'line 1 failed\n' });
  });

  it('speaks English, and has every other variable of the environment', async () => {
    const german = new SpawnedCommands({
      PATH: process.env.PATH,
      LANG: 'de_DE.UTF-8',
      LC_ALL: 'de_DE',
      KEPT: 'yes',
    });
    const { stdout } = await german.run(sh('echo "$LC_ALL $KEPT"'));
    expect(stdout).toBe('C yes\n');
  });

  it('does not hold up others that run at the same time', async () => {
    const results = await Promise.all(
      Array.from({ length: 8 }, (_, n) => commands.run(sh('echo "$1"', `${n}`))),
    );
    expect(results.map(({ stdout }) => stdout)).toEqual(Array.from({ length: 8 }, (_, n) => `${n}\n`));
  });
});

describe('a program that cannot be run', () => {
  it.each(['kube-splice-no-such-program', '/nowhere/iptables'])(
    'is %s, which is not there',
    async (program) => {
      await expect(commands.run({ program, args: [] })).rejects.toMatchObject({
        code: 'COMMAND_NOT_FOUND',
        message: `there is no program "${program}"`,
      });
    },
  );

  it('is a file that nobody may run', async () => {
    const program = join(temporaryDirectory(), 'iptables');
    writeFileSync(program, '#!/bin/sh\n', { mode: 0o644 });
    await expect(commands.run({ program, args: ['-L'] })).rejects.toMatchObject({
      code: 'COMMAND_FAILED',
      message: expect.stringMatching(/iptables -L": .*EACCES/),
    });
  });

  it('is one with an argument that no program can have', async () => {
    await expect(commands.run(sh('exit 0', 'a\0b'))).rejects.toMatchObject({ code: 'COMMAND_FAILED' });
  });

  it.skipIf(prlimit === null)(
    `is any, where there is no file descriptor left${prlimit === null ? ' (SKIPPED: needs prlimit)' : ''}`,
    async () => {
      const restore = await withoutFileDescriptors(prlimit ?? '');
      const failure = await commands.run(sh('exit 0')).catch((error: unknown) => error);
      await restore();
      expect(failure).toMatchObject({ code: 'COMMAND_FAILED', message: expect.stringContaining('EMFILE') });
      expect(await commands.run(sh('echo again'))).toMatchObject({ stdout: 'again\n' });
    },
  );
});

describe('a program that does not behave', () => {
  it('is killed when it does not end in time', async () => {
    const started = Date.now();
    const command = { ...sh('echo $$; exec sleep 60'), timeoutMs: 200 };
    await expect(commands.run(command)).rejects.toMatchObject({
      code: 'COMMAND_FAILED',
      message: expect.stringMatching(/^"\/bin\/sh -c .*sleep 60 sh": it did not end within 0\.2 s$/),
    });
    expect(Date.now() - started).toBeGreaterThanOrEqual(190);
  });

  it('is given up in time although a process that it started goes on', async () => {
    const pids = join(temporaryDirectory(), 'pid');
    const run = commands.run({ ...sh('sleep 60 & echo $! > "$1"; wait', pids), timeoutMs: 300 });
    onTestFinished(async () => {
      await commands.run(sh('kill "$(cat "$1")"', pids));
    });
    await expect(within('an end', run)).rejects.toMatchObject({
      code: 'COMMAND_FAILED',
      message: expect.stringContaining('it did not end within 0.3 s'),
    });
  });

  it.each([
    ['output', 'exec yes'],
    ['errors', 'exec yes >&2'],
  ])('is killed when it prints more %s than can be held', async (_, script) => {
    const small = new SpawnedCommands(process.env, 10_000);
    await expect(within('an end', small.run(sh(script)))).rejects.toMatchObject({
      code: 'COMMAND_FAILED',
      message: expect.stringContaining('it printed more than 10000 bytes'),
    });
  });

  it('may print as much as can be held, of both together', async () => {
    const small = new SpawnedCommands(process.env, 8);
    expect(await small.run(sh('printf 1234; printf 5678 >&2'))).toMatchObject({
      stdout: '1234',
      stderr: '5678',
    });
    await expect(small.run(sh('printf 1234; printf 56789 >&2'))).rejects.toThrow('more than 8 bytes');
  });
});

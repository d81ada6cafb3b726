import { describe, expect, it } from 'vitest';
import type { Command, CommandResult, CommandRunner } from '../../../src/host/command-runner.js';
import { KubeSpliceError } from '../../../src/model/errors.js';
import {
  IptablesCommands,
  type IptablesPrograms,
  wordsOf,
} from '../../../src/steering/iptables/iptables-programs.js';
import type { Release } from '../../../src/steering/iptables/release.js';
import { FakeIptables } from '../../support/iptables/fake-iptables.js';

const PROGRAMS: IptablesPrograms = {
  name: 'iptables',
  main: '/usr/sbin/iptables',
  save: '/usr/sbin/iptables-save',
  restore: '/usr/sbin/iptables-restore',
  release: [1, 8, 9],
  variant: 'legacy',
};

/** Answers every command so, and remembers it. */
class Answering implements CommandRunner {
  readonly commands: Command[] = [];

  constructor(private readonly answer: Partial<CommandResult> | Error = {}) {}

  run(command: Command): Promise<CommandResult> {
    this.commands.push(command);
    if (this.answer instanceof Error) return Promise.reject(this.answer);
    return Promise.resolve({ exitCode: 0, stdout: '', stderr: '', ...this.answer });
  }
}

function commandsWith(
  runner: CommandRunner,
  changes: Partial<IptablesPrograms> = {},
  found: readonly string[] = [],
) {
  const find = (name: string) => (found.includes(name) ? `/usr/bin/${name}` : null);
  return new IptablesCommands(runner, { ...PROGRAMS, ...changes }, find);
}

/** The arguments that `iptables-restore` of a release is run with. */
async function restoreArgs(release: Release): Promise<readonly string[] | undefined> {
  const runner = new Answering();
  await commandsWith(runner, { release }).restore('*nat\nCOMMIT\n');
  return runner.commands[0]?.args;
}

async function failureOf(
  answer: Partial<CommandResult> | Error,
  input: string,
  changes: Partial<IptablesPrograms> = {},
) {
  const commands = commandsWith(new Answering(answer), changes);
  return commands.restore(input).then(
    () => undefined,
    (error: unknown) => error,
  );
}

const INPUT = '*filter\n:A - [0:0]\n-A A -j NONSENSE\nCOMMIT\n';

describe('the programs of iptables', () => {
  it('read all tables, or one, with what was counted or without', async () => {
    const runner = new Answering({ stdout: '*nat\nCOMMIT\n' });
    const commands = commandsWith(runner);
    expect(await commands.save()).toBe('*nat\nCOMMIT\n');
    await commands.save('nat');
    await commands.counted('filter', 'A');
    expect(runner.commands.map(({ program, args }) => [program, ...args])).toEqual([
      [PROGRAMS.save],
      [PROGRAMS.save, '-t', 'nat'],
      [PROGRAMS.save, '-c', '-t', 'filter'],
    ]);
  });

  it('list one chain to read what it counted where saving a table would read them all', async () => {
    const runner = new Answering();
    await commandsWith(runner, { variant: 'nft' }).counted('filter', 'A');
    expect(runner.commands).toEqual([{ program: PROGRAMS.main, args: ['-t', 'filter', '-S', 'A', '-v'] }]);
  });

  it('write what they read on standard input, without flushing what is not named', async () => {
    const runner = new Answering();
    await commandsWith(runner).restore(INPUT);
    expect(runner.commands).toEqual([
      { program: PROGRAMS.restore, args: ['--noflush', '-w', '5'], input: INPUT },
    ]);
  });

  it('wait for the lock as far as the release knows how', async () => {
    expect(await restoreArgs([1, 8, 9])).toEqual(['--noflush', '-w', '5']);
    expect(await restoreArgs([1, 6, 2])).toEqual(['--noflush', '-w', '5', '-W', '100000']);
    for (const release of [
      [1, 6, 1],
      [1, 4, 21],
      [1, 3, 5],
    ] as const)
      expect(await restoreArgs(release)).toEqual(['--noflush']);
  });

  it.each([
    [['perl'], 'perl'],
    [['perl', 'flock'], 'perl'],
    [['flock'], 'flock'],
    [[], null],
  ])('have the lock taken for them where they take none and there is %j', async (lockPrograms, lockedBy) => {
    const fake = new FakeIptables({ release: '1.4.7', lockPrograms: lockPrograms as ('perl' | 'flock')[] });
    const commands = new IptablesCommands(fake, { ...PROGRAMS, release: [1, 4, 7] }, fake.find);
    await commands.restore('*nat\n:A - [0:0]\nCOMMIT\n');
    await commands.save();
    expect(fake.commands.map(({ name, args, lockedBy: by }) => [name, args, by])).toEqual([
      ['iptables-restore', ['--noflush'], lockedBy],
      ['iptables-save', [], null],
    ]);
    expect(fake.saved('IPv4')).toContain(':A - [0:0]');
  });

  it('take no other lock where they take one themselves', async () => {
    const runner = new Answering();
    await commandsWith(runner, {}, ['perl', 'flock']).restore(INPUT);
    expect(runner.commands[0]?.program).toBe(PROGRAMS.restore);
  });
});

describe('a program of iptables that fails', () => {
  it.each<[string, Partial<CommandResult>, string]>([
    [
      'a line, as legacy says it',
      { exitCode: 1, stderr: 'iptables-restore: line 3 failed\n' },
      'iptables-restore: line 3 failed (-A A -j NONSENSE)',
    ],
    [
      'a line, as nft says it',
      {
        exitCode: 4,
        stderr:
          'iptables-restore v1.8.9 (nf_tables): \nline 3: RULE_APPEND failed (No such file or directory): rule in chain A\n',
      },
      'iptables-restore v1.8.9 (nf_tables):; line 3: RULE_APPEND failed (No such file or directory): rule in chain A (-A A -j NONSENSE)',
    ],
    [
      'a line, as the parser says it',
      {
        exitCode: 2,
        stderr:
          "iptables-restore v1.4.7: Couldn't load target `NONSENSE'\n\nError occurred at line: 3\nTry `iptables-restore -h' or 'iptables-restore --help' for more information.\n",
      },
      "iptables-restore v1.4.7: Couldn't load target `NONSENSE'; Error occurred at line: 3 (-A A -j NONSENSE)",
    ],
    [
      'a line that is not there',
      { exitCode: 1, stderr: 'iptables-restore: line 99 failed\n' },
      'iptables-restore: line 99 failed',
    ],
    [
      'without its own name',
      {
        exitCode: 4,
        stderr: 'Another app is currently holding the xtables lock. Stopped waiting after 5s.\n',
      },
      'iptables-restore: Another app is currently holding the xtables lock. Stopped waiting after 5s.',
    ],
    ['without a word', { exitCode: 3 }, 'iptables-restore: it exited with 3, and said nothing'],
    ['by a signal', { exitCode: null }, 'iptables-restore: it was ended by a signal'],
  ])(
    'is told with its own words, on one line, and the rule that is meant: %s',
    async (_, answer, message) => {
      expect(await failureOf(answer, INPUT)).toMatchObject({ code: 'STEERING_FAILED', message });
    },
  );

  it('goes by its own name under a lock that was taken for it, and where it is a variant', async () => {
    const locked = commandsWith(new Answering({ exitCode: 1 }), { release: [1, 4, 7] }, ['perl']);
    await expect(locked.restore(INPUT)).rejects.toThrow(/^iptables-restore: it exited with 1/);
    const legacy = { restore: '/sbin/iptables-legacy-restore' };
    expect(await failureOf({ exitCode: 1 }, INPUT, legacy)).toMatchObject({
      message: 'iptables-legacy-restore: it exited with 1, and said nothing',
    });
    const reading = commandsWith(
      new Answering({ exitCode: 1, stderr: 'Permission denied (you must be root)' }),
    );
    await expect(reading.save('nat')).rejects.toThrow('iptables-save: Permission denied (you must be root)');
    await expect(reading.counted('nat', 'A')).rejects.toMatchObject({ code: 'STEERING_FAILED' });
  });

  it('is told as what happened where it could not be run at all', async () => {
    const cause = new KubeSpliceError('COMMAND_NOT_FOUND', 'there is no program "iptables-restore"');
    expect(await failureOf(cause, INPUT)).toMatchObject({
      code: 'STEERING_FAILED',
      message: 'there is no program "iptables-restore"',
      cause,
    });
    const fault = new TypeError('a fault of the program');
    expect(await failureOf(fault, INPUT)).toBe(fault);
  });

  it('names the rule that the words of either variant are about', async () => {
    for (const plain of ['legacy', 'nft'] as const) {
      const fake = new FakeIptables({ plain, programLacks: ['comment'] });
      const commands = new IptablesCommands(fake, { ...PROGRAMS, variant: plain }, fake.find);
      const rule = '-A A -m comment --comment "two words" -j RETURN';
      await expect(commands.restore(`*filter\n:A - [0:0]\n${rule}\nCOMMIT\n`)).rejects.toMatchObject({
        code: 'STEERING_FAILED',
        message: expect.stringMatching(/comment.* \(-A A -m comment --comment "two words" -j RETURN\)$/),
      });
    }
  });
});

describe('what iptables-save prints without a failure', () => {
  const saving = (stdout: string) => commandsWith(new Answering({ stdout })).saveWhole();

  it.each([
    ["# Table `nat' is incompatible, use 'nft' tool.\n", "Table `nat' is incompatible, use 'nft' tool."],
    ['*nat\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -j KUBE', 'it ended in the midst of a table'],
    ['*nat\nCOMMIT\nSegmentation fault\n', 'it prints what is no rule: Segmentation fault'],
  ])('is refused where it is not all the rules: %j', async (stdout, words) => {
    await expect(saving(stdout)).rejects.toMatchObject({
      code: 'STEERING_FAILED',
      message: `iptables-save: ${words}`,
    });
  });

  it.each([
    '',
    "# Table `mangle' is incompatible, use 'nft' tool.\n*nat\nCOMMIT\n",
    '# Generated\n*nat\n:OUTPUT ACCEPT [0:0]\n[3:180] -A OUTPUT -j RETURN\n-A OUTPUT -j RETURN\nCOMMIT\n# Completed\n\n',
  ])('is taken where it is: %j', async (stdout) => {
    expect(await saving(stdout)).toBe(stdout);
  });
});

describe('the words of a program', () => {
  it('hold no control character, and not more than can be read', () => {
    const words = (stderr: string) => wordsOf({ exitCode: 1, stdout: '', stderr });
    expect([...words('a\u001b[2J\tb')].filter((character) => /\p{Cc}/u.test(character))).toEqual([]);
    expect(words(`${'x'.repeat(1_000)}\n`)).toBe(`${'x'.repeat(400)} …`);
    expect(words(' one \n\n two\n')).toBe('one; two');
  });
});

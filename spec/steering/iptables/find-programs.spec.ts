import { describe, expect, it } from 'vitest';
import type { Command, CommandResult } from '../../../src/host/command-runner.js';
import { KubeSpliceError } from '../../../src/model/errors.js';
import {
  findPrograms,
  hasLegacyTables,
  type IptablesHost,
} from '../../../src/steering/iptables/find-programs.js';
import { FakeIptables, type FakeIptablesOptions } from '../../support/iptables/fake-iptables.js';

const BOTH: FakeIptablesOptions = {
  plain: 'nft',
  installed: ['iptables', 'iptables-legacy', 'iptables-nft'],
};

function hostOf(fake: FakeIptables): IptablesHost {
  return { runner: fake, find: fake.find, readText: fake.readText };
}

async function namesOn(fake: FakeIptables): Promise<string[]> {
  return (await findPrograms('IPv4', hostOf(fake))).map(({ name }) => name);
}

describe('the search for iptables', () => {
  it('finds the three programs, with their release and their variant', async () => {
    const fake = new FakeIptables({ plain: 'nft' });
    expect(await findPrograms('IPv4', hostOf(fake))).toEqual([
      {
        name: 'iptables',
        main: '/usr/sbin/iptables',
        save: '/usr/sbin/iptables-save',
        restore: '/usr/sbin/iptables-restore',
        release: [1, 8, 9],
        variant: 'nft',
      },
    ]);
    expect((await findPrograms('IPv6', hostOf(fake))).map(({ name, save }) => [name, save])).toEqual([
      ['ip6tables', '/usr/sbin/ip6tables-save'],
    ]);
  });

  it('reads the release that an old one prints, and takes an unreadable one for 1.4.11', async () => {
    const releaseOf = async (options: FakeIptablesOptions) =>
      (await findPrograms('IPv4', hostOf(new FakeIptables(options))))[0]?.release;
    expect(await releaseOf({ release: '1.4.7' })).toEqual([1, 4, 7]);
    expect(await releaseOf({ versionText: 'iptables, in some form' })).toEqual([1, 4, 11]);
  });

  it.each([[['ip6tables']], [[]]] as const)('finds nothing for IPv4 where there is %j', async (installed) => {
    expect(await namesOn(new FakeIptables({ installed }))).toEqual([]);
  });

  it.each(['iptables', 'iptables-save', 'iptables-restore'])(
    'does without what has no %s',
    async (missing) => {
      const fake = new FakeIptables();
      const find = (name: string) => (name === missing ? null : fake.find(name));
      expect(await findPrograms('IPv4', { ...hostOf(fake), find })).toEqual([]);
    },
  );

  it('finds a variant that has no plain name', async () => {
    expect(await namesOn(new FakeIptables({ installed: ['iptables-legacy'] }))).toEqual(['iptables-legacy']);
  });

  it('names a variant once: the plain name is mostly one of the two', async () => {
    expect(await namesOn(new FakeIptables(BOTH))).toEqual(['iptables', 'iptables-legacy']);
    expect(await namesOn(new FakeIptables({ ...BOTH, plain: 'legacy' }))).toEqual([
      'iptables',
      'iptables-nft',
    ]);
  });

  it('asks nothing of a single variant but its version', async () => {
    const fake = new FakeIptables();
    await namesOn(fake);
    expect(fake.commands.map(({ name, args }) => [name, ...args])).toEqual([['iptables', '--version']]);
  });
});

describe('of two variants of iptables', () => {
  it('the plain one is used where nobody has rules', async () => {
    expect(await namesOn(new FakeIptables(BOTH))).toEqual(['iptables', 'iptables-legacy']);
  });

  it('the one is used that others have more rules in', async () => {
    const fake = new FakeIptables(BOTH);
    await fake.somebody('iptables -A INPUT -j ACCEPT');
    await fake.somebody('iptables-legacy -A INPUT -j ACCEPT');
    expect(await namesOn(fake)).toEqual(['iptables', 'iptables-legacy']);
    await fake.somebody('iptables-legacy -t nat -A OUTPUT -j ACCEPT');
    expect(await namesOn(fake)).toEqual(['iptables-legacy', 'iptables']);
  });

  it('the one is used that holds chains of Kubernetes, however many rules the other has', async () => {
    const fake = new FakeIptables(BOTH);
    await fake.somebody('iptables-legacy -N KUBE-SERVICES');
    for (const port of [1, 2, 3]) await fake.somebody(`iptables -A INPUT -p tcp --dport ${port} -j ACCEPT`);
    expect(await namesOn(fake)).toEqual(['iptables-legacy', 'iptables']);
    await fake.somebody('iptables -t nat -N KUBE-PORTALS-HOST');
    expect(await namesOn(fake)).toEqual(['iptables', 'iptables-legacy']);
  });

  it('the legacy one is not asked where it has no table: that would make one', async () => {
    const fake = new FakeIptables(BOTH);
    await namesOn(fake);
    expect(fake.commands.map(({ name }) => name)).not.toContain('iptables-legacy-save');
    expect(fake.ruleset('IPv4', 'legacy').tables).toEqual([]);
    await fake.somebody('iptables-legacy -A INPUT -j ACCEPT');
    fake.forgetCommands();
    await namesOn(fake);
    expect(fake.commands.map(({ name }) => name)).toContain('iptables-legacy-save');
  });

  it('one that cannot read its rules has none', async () => {
    const fake = new FakeIptables(BOTH);
    await fake.somebody('iptables -N KUBE-SERVICES');
    fake.failNext({ program: /^iptables-save$/, stderr: 'Protocol not supported' });
    await fake.somebody('iptables-legacy -A INPUT -j ACCEPT');
    expect(await namesOn(fake)).toEqual(['iptables-legacy', 'iptables']);
  });

  it('each family has its own', async () => {
    const installed = ['iptables', 'iptables-legacy', 'ip6tables', 'ip6tables-legacy'] as const;
    const fake = new FakeIptables({ plain: 'nft', installed });
    await fake.somebody('ip6tables-legacy -N KUBE-SERVICES');
    expect((await findPrograms('IPv4', hostOf(fake))).map(({ name }) => name)).toEqual([
      'iptables',
      'iptables-legacy',
    ]);
    expect((await findPrograms('IPv6', hostOf(fake))).map(({ name }) => name)).toEqual([
      'ip6tables-legacy',
      'ip6tables',
    ]);
  });
});

describe('the name of a program', () => {
  it('tells its variant where it is a release that does not', async () => {
    const answer = (stdout: string): CommandResult => ({ exitCode: 0, stdout, stderr: '' });
    const runner = {
      run: ({ args }: Command) =>
        Promise.resolve(answer(args.includes('--version') ? 'iptables v1.6.2\n' : '')),
    };
    const find = (name: string) => (name.startsWith('iptables') ? `/sbin/${name}` : null);
    const found = await findPrograms('IPv4', { runner, find, readText: () => '' });
    expect(found.map(({ name, variant }) => [name, variant])).toEqual([
      ['iptables', 'legacy'],
      ['iptables-nft', 'nft'],
    ]);
  });
});

describe('a program that does not so much as start', () => {
  it('leaves the choice to the others; where there is none, it is told', async () => {
    const fake = new FakeIptables(BOTH);
    const hung = new KubeSpliceError('COMMAND_FAILED', '"iptables --version": it did not end within 60 s');
    const runner = {
      run: (command: Command) =>
        command.program.endsWith('/iptables') ? Promise.reject(hung) : fake.run(command),
    };
    const found = await findPrograms('IPv4', { ...hostOf(fake), runner });
    expect(found.map(({ name }) => name).toSorted()).toEqual(['iptables-legacy', 'iptables-nft']);
    fake.options = { installed: ['iptables'] };
    await expect(findPrograms('IPv4', { ...hostOf(fake), runner })).rejects.toMatchObject({
      code: 'STEERING_FAILED',
      message: hung.message,
    });
  });
});

describe('whether there are legacy tables', () => {
  it.each([
    ['IPv4', '/proc/net/ip_tables_names'],
    ['IPv6', '/proc/net/ip6_tables_names'],
  ] as const)('is what the kernel says of %s', (family, file) => {
    const readText = (path: string) => (path === file ? 'nat\nfilter\n' : '');
    expect(hasLegacyTables(family, { readText })).toBe(true);
    expect(hasLegacyTables(family, { readText: () => '\n' })).toBe(false);
  });

  it('is no where the kernel has no such module, or only root may look', () => {
    const readText = (): string => {
      throw new Error('ENOENT');
    };
    expect(hasLegacyTables('IPv4', { readText })).toBe(false);
  });
});

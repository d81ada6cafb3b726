import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CommandResult } from '../../../src/host/command-runner.js';
import { FakeIptables } from './fake-iptables.js';
import { NotImitated } from './refusal.js';

const RECORDED = resolve(import.meta.dirname, '../../fixtures/kube-proxy-1.25/userspace.rules');

const restore = (
  fake: FakeIptables,
  lines: readonly string[],
  ...args: readonly string[]
): Promise<CommandResult> =>
  fake.run({
    program: '/sbin/iptables-restore',
    args: ['--noflush', ...args],
    input: lines.map((line) => `${line}\n`).join(''),
  });

const failing = { exitCode: 1, stdout: '' };

describe('the fake of iptables', () => {
  it('prints the recorded rules of a real kube-proxy as it read them', async () => {
    const recorded = readFileSync(RECORDED, 'utf8');
    const fake = new FakeIptables();
    await fake.somebody('iptables-restore', recorded);
    // The legacy variant prints the table first that was made last.
    const [filter = '', nat = ''] = recorded.split(/(?<=COMMIT\n)/);
    expect(fake.saved('IPv4')).toBe(nat + filter);
  });

  it('has a ruleset for each variant and family', async () => {
    const fake = new FakeIptables({ installed: ['iptables', 'iptables-nft', 'ip6tables'] });
    await fake.somebody('iptables -A INPUT -j ACCEPT');
    expect(fake.saved('IPv4', 'legacy')).toContain('-A INPUT -j ACCEPT');
    expect(fake.saved('IPv4', 'nft')).toBe('');
    expect(fake.saved('IPv6')).toBe('');
    const nft = new FakeIptables({ plain: 'nft' });
    await nft.somebody('iptables -A INPUT -j ACCEPT');
    expect(nft.saved('IPv4', 'nft')).toContain('-A INPUT -j ACCEPT');
  });

  it('knows only what is installed', async () => {
    const fake = new FakeIptables({ installed: ['iptables-legacy'], lockPrograms: ['flock'] });
    expect(['iptables', 'iptables-legacy-save', 'ip6tables', 'flock', 'perl'].map(fake.find)).toEqual([
      null,
      '/usr/sbin/iptables-legacy-save',
      null,
      '/usr/bin/flock',
      null,
    ]);
    await expect(fake.run({ program: 'ip6tables', args: [] })).rejects.toMatchObject({
      code: 'COMMAND_NOT_FOUND',
    });
  });

  it('fails the spec for what it does not imitate, and does so again at the next command', async () => {
    for (const line of [
      '-A INPUT -m limit --limit 3/min -j ACCEPT',
      '-A INPUT -j LOG',
      '-A INPUT -p tcp --syn -j ACCEPT',
      '-A INPUT -s example.com -j ACCEPT',
      '-A INPUT -s 10.0.0.1,10.0.0.2 -j ACCEPT',
      '-A INPUT -m comment --comment "no end',
    ]) {
      const fake = new FakeIptables();
      await expect(restore(fake, ['*filter', line, 'COMMIT'])).rejects.toThrow(NotImitated);
      await expect(fake.run({ program: 'iptables', args: ['-S'] })).rejects.toThrow(NotImitated);
    }
  });

  it('lists the commands that were run, and those that change something', async () => {
    const fake = new FakeIptables({ lockPrograms: ['flock'] });
    await fake.run({ program: 'iptables', args: ['--version'] });
    await fake.run({ program: 'iptables-save', args: ['-t', 'nat'] });
    expect(fake.commands.map(({ name }) => name)).toEqual(['iptables', 'iptables-save']);
    expect(fake.changes).toEqual([]);
    const [program, args] = [
      '/usr/bin/flock',
      ['-w', '5', '/run/xtables.lock', '/sbin/iptables-restore', '-n'],
    ];
    await fake.run({ program, args, input: '*nat\nCOMMIT\n' });
    expect(fake.changes).toMatchObject([{ name: 'iptables-restore', args: ['-n'], lockedBy: 'flock' }]);
  });

  it('fails a command as it is told to, and changes nothing then', async () => {
    const fake = new FakeIptables();
    fake.failNext({ program: /restore/, exitCode: 4, stderr: 'Another app is holding the lock' });
    expect((await fake.run({ program: 'iptables-save', args: [] })).exitCode).toBe(0);
    const lines = ['*nat', ':A - [0:0]', 'COMMIT'];
    expect(await restore(fake, lines)).toEqual({
      exitCode: 4,
      stdout: '',
      stderr: 'Another app is holding the lock',
    });
    expect(fake.saved('IPv4')).toBe('');
    expect((await restore(fake, lines)).exitCode).toBe(0);
  });

  it.each([
    ['1.4.7', ['-w'], "iptables-restore: invalid option -- 'w'\n", 0],
    [
      '1.4.7',
      ['-w', '5'],
      "iptables-restore: invalid option -- 'w'\nCan't open 5: No such file or directory\n",
      1,
    ],
    ['1.6.1', ['--wait=5'], "iptables-restore: unrecognized option '--wait=5'\n", 0],
    ['1.6.2', ['-w', '5', '-W', '100000'], '', 0],
  ])('%s takes %j of iptables-restore as it knows it', async (release, args, stderr, exitCode) => {
    const fake = new FakeIptables({ release });
    expect(await restore(fake, ['*nat', 'COMMIT'], ...args)).toEqual({ exitCode, stdout: '', stderr });
  });

  it.each([
    ['1.4.10', ['-C', 'INPUT', '-j', 'ACCEPT'], "iptables v1.4.10: Unknown arg `-C'\n"],
    ['1.4.11', ['-w', '-S'], 'iptables v1.4.11: unknown option "-w"\n'],
    ['1.4.21', ['-w', '5', '-S'], "Bad argument `5'\n"],
    ['1.6.0', ['-w', '5', '-W', '9', '-S'], 'iptables v1.6.0: unknown option "-W"\n'],
  ])('%s refuses %j', async (release, args, words) => {
    const { exitCode, stderr } = await new FakeIptables({ release }).run({ program: 'iptables', args });
    expect(stderr).toBe(`${words}Try \`iptables -h' or 'iptables --help' for more information.\n`);
    expect(exitCode).toBe(2);
  });

  it('tells the version it is told to tell', async () => {
    const version = async (options: ConstructorParameters<typeof FakeIptables>[0]): Promise<string> =>
      (await new FakeIptables(options).run({ program: 'iptables', args: ['--version'] })).stdout;
    expect(await version({})).toBe('iptables v1.8.9 (legacy)\n');
    expect(await version({ plain: 'nft', release: '1.8.2' })).toBe('iptables v1.8.2 (nf_tables)\n');
    expect(await version({ release: '1.4.7' })).toBe('iptables v1.4.7\n');
    expect(await version({ versionText: 'BusyBox' })).toBe('BusyBox\n');
  });

  it('does without what the kernel, or the program, does not have', async () => {
    const lines = ['*filter', '-A INPUT -m comment --comment x -j ACCEPT', 'COMMIT'];
    const kernel = new FakeIptables({ kernelLacks: ['comment'] });
    expect(await restore(kernel, lines)).toEqual({ ...failing, stderr: 'iptables-restore: line 3 failed\n' });
    expect(kernel.saved('IPv4')).not.toContain('comment');
    const program = await restore(new FakeIptables({ programLacks: ['comment'] }), lines);
    expect(program).toMatchObject({ exitCode: 2 });
    expect(program.stderr).toContain("Couldn't load match `comment'");
  });

  it('has no table that is missing', async () => {
    const fake = new FakeIptables({ missingTables: [{ family: 'IPv6', table: 'nat' }] });
    const asked = await fake.run({ program: 'ip6tables', args: ['-t', 'nat', '-S'] });
    expect(asked).toMatchObject({ exitCode: 3 });
    expect(asked.stderr).toContain("can't initialize ip6tables table `nat': Table does not exist");
    const restored = await fake.run({ program: 'ip6tables-restore', args: ['-n'], input: '*nat\nCOMMIT\n' });
    expect(restored).toMatchObject({ exitCode: 2 });
    expect((await restore(fake, ['*nat', 'COMMIT'])).exitCode).toBe(0);
  });

  it('tells which legacy tables there are without making one', async () => {
    const fake = new FakeIptables();
    await fake.run({ program: 'iptables-save', args: [] });
    expect(fake.readText('/proc/net/ip_tables_names')).toBe('');
    await fake.run({ program: 'iptables-save', args: ['-t', 'nat'] });
    expect(fake.readText('/proc/net/ip_tables_names')).toBe('nat\n');
  });

  it('counts packets that are sent', async () => {
    const fake = new FakeIptables();
    await fake.somebody('iptables -A INPUT -p tcp -m tcp --dport 80 -j REJECT --reject-with tcp-reset');
    const packet = { from: 'outside', protocol: 'tcp', destination: '172.30.0.1', port: 80 } as const;
    expect(fake.send(packet)).toEqual({ outcome: 'rejected', with: 'tcp-reset' });
    expect(fake.trace(packet)).toEqual({ outcome: 'rejected', with: 'tcp-reset' });
    const counted = await fake.somebody('iptables-save -c');
    expect(counted).toContain('[1:60] -A INPUT -p tcp -m tcp --dport 80 -j REJECT --reject-with tcp-reset');
  });
});

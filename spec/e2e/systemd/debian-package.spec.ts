import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { programVersion } from '../../../src/cli/version.js';
import { eventually } from '../../support/deadline.js';
import { declareEchoService, trafficDuring } from '../../support/machine-traffic.js';
import { NATIVE_RELAY_MISSING } from '../../support/native-relay-program.js';
import { SystemdMachine, whyNoMachine } from '../../support/systemd-machine.js';

const ROOT = resolve(import.meta.dirname, '../../..');
const BUILD_MS = 240_000;
const UNIT_MS = 120_000;
const [CONTROL, RELAY] = ['kube-splice.service', 'kube-splice-relay.service'];
const LINTIAN_MISSING = spawnSync('lintian', ['--version']).status !== 0;

function hasTools(): boolean {
  return ['dpkg-deb', 'dpkg-shlibdeps', 'strip'].every((tool) => spawnSync(tool, ['--version']).status === 0);
}

const reason = NATIVE_RELAY_MISSING ? 'no native relay' : hasTools() ? whyNoMachine() : 'no dpkg-dev';

describe.skipIf(reason !== undefined)(
  `the Debian package (${reason ?? 'it can be built and installed here'})`,
  () => {
    // In the repository, which a machine can see.
    const folder = join(ROOT, 'build', `package-spec-${process.pid}`);
    let machine: SystemdMachine;
    let packaged = '';
    let newer = '';
    let before: readonly string[] = [];

    /** As the machine sees a file of the repository. */
    const there = (path: string) => join('/repository', relative(ROOT, path));
    const pidOf = (unit: string) => machine.property(unit, 'MainPID');
    const dpkg = (...argv: readonly string[]) =>
      machine.must('env', 'DEBIAN_FRONTEND=noninteractive', 'dpkg', '--force-unsafe-io', ...argv);
    const rules = async () =>
      `${(await machine.run('iptables-save')).stdout}${(await machine.run('nft', 'list', 'ruleset')).stdout}`;

    /** What a package may leave behind: all paths but those of dpkg, of the log and of what runs. */
    async function paths(): Promise<readonly string[]> {
      const ours =
        "find / -xdev -path /var/lib/dpkg -prune -o -path /var/log -prune -o -iname '*kube-splice*' -print";
      return (await machine.must('sh', '-c', ours))
        .split('\n')
        .filter((path) => path !== '')
        .sort();
    }

    /** The package again with another version, and nothing else. */
    function withVersion(version: string): string {
      const unpacked = join(folder, 'unpacked');
      execFileSync('dpkg-deb', ['-R', packaged, unpacked]);
      const control = join(unpacked, 'DEBIAN/control');
      writeFileSync(control, readFileSync(control, 'utf8').replace(/^Version: .*$/m, `Version: ${version}`));
      const path = join(folder, 'newer.deb');
      execFileSync('dpkg-deb', ['-Znone', '--root-owner-group', '--build', unpacked, path]);
      rmSync(unpacked, { recursive: true });
      return path;
    }

    /** Where Node came to this host otherwise, dpkg is told that it is there. */
    async function provideNode(): Promise<void> {
      const { stdout } = await machine.run('dpkg-query', '--status', 'nodejs');
      const [, installed = '0'] = /^Version: (\S+)$/m.exec(stdout) ?? [];
      if ((await machine.run('dpkg', '--compare-versions', installed, 'ge', '20.19')).exitCode === 0) return;
      const empty = join(folder, 'nodejs');
      mkdirSync(join(empty, 'DEBIAN'), { recursive: true });
      const fields = ['Package: nodejs', `Version: ${process.versions.node}`, 'Architecture: all'];
      const rest = [
        'Maintainer: a spec <spec@localhost>',
        'Description: stands for what is installed otherwise',
        '',
      ];
      writeFileSync(join(empty, 'DEBIAN/control'), [...fields, ...rest].join('\n'));
      execFileSync('dpkg-deb', ['--build', empty, join(folder, 'nodejs.deb')]);
      await dpkg('--install', there(join(folder, 'nodejs.deb')));
    }

    beforeAll(async () => {
      mkdirSync(folder, { recursive: true });
      packaged = execFileSync(join(ROOT, 'scripts/package-deb'), [folder], { encoding: 'utf8' }).trim();
      newer = withVersion('99.0.0');
      machine = await SystemdMachine.boot();
      await provideNode();
      before = await paths();
    }, BUILD_MS);
    afterAll(async () => {
      rmSync(folder, { recursive: true, force: true });
      await machine?.end();
    }, UNIT_MS);

    it('has the version of the program', () => {
      const version = execFileSync('dpkg-deb', ['--field', packaged, 'Version'], { encoding: 'utf8' });
      expect(version.trim()).toBe(programVersion());
    });

    it.skipIf(LINTIAN_MISSING)(
      'gives lintian nothing to say that its overrides do not explain',
      () => {
        const { stdout } = spawnSync('lintian', ['--fail-on', 'error,warning', '--allow-root', packaged], {
          encoding: 'utf8',
        });
        expect(stdout).toBe('');
        const overrides = readFileSync(join(ROOT, 'deploy/debian/lintian-overrides'), 'utf8')
          .trim()
          .split('\n');
        // Each override, or a run of them, has its reason above it.
        expect(overrides[0]).toMatch(/^# /);
      },
      UNIT_MS,
    );

    it(
      'installs, and its units run',
      async () => {
        await declareEchoService(machine);
        await dpkg('--install', there(packaged));
        for (const unit of [RELAY, CONTROL]) {
          expect(await machine.property(unit, 'ActiveState')).toBe('active');
          expect((await machine.run('systemctl', 'is-enabled', unit)).stdout.trim()).toBe('enabled');
        }
        const { failures, connections } = await trafficDuring(
          machine,
          () => new Promise((resolve) => setTimeout(resolve, 300)),
        );
        expect(failures).toEqual([]);
        expect(connections).toBeGreaterThan(0);
        expect((await machine.run('man', '--where', 'kube-splice')).stdout).toContain('man8');
      },
      UNIT_MS,
    );

    it(
      'upgrades: settings stay, a new relay takes over, and no client notices',
      async () => {
        await machine.must('sh', '-c', 'echo KUBE_SPLICE_ARGS=-v 2 >>/etc/default/kube-splice');
        const [control, relay] = [await pidOf(CONTROL), await pidOf(RELAY)];
        const { failures, echoes } = await trafficDuring(machine, async () => {
          await dpkg('--install', there(newer));
          await eventually(async () => expect(await machine.property(CONTROL, 'ActiveState')).toBe('active'));
        });
        expect(failures).toEqual([]);
        expect(echoes).toBeGreaterThan(100);
        expect(await pidOf(CONTROL)).not.toBe(control);
        expect(await pidOf(RELAY)).not.toBe(relay);
        expect(await machine.property(RELAY, 'NRestarts')).toBe('0');
        expect(await machine.must('cat', '/etc/default/kube-splice')).toContain('-v 2');
      },
      UNIT_MS,
    );

    it(
      'removes units, programs and rules, and keeps settings',
      async () => {
        expect(await rules()).toContain('KUBE-PORTALS');
        await dpkg('--remove', 'kube-splice');
        expect(await rules()).not.toContain('KUBE-PORTALS');
        expect(await machine.property(CONTROL, 'ActiveState')).toBe('inactive');
        expect((await machine.run('test', '-e', '/usr/bin/kube-splice')).exitCode).toBe(1);
        expect((await machine.run('test', '-e', '/etc/default/kube-splice')).exitCode).toBe(0);
      },
      UNIT_MS,
    );

    it(
      'leaves nothing behind when it is purged',
      async () => {
        await dpkg('--purge', 'kube-splice');
        expect(await paths()).toEqual(before);
        expect((await machine.run('systemctl', 'cat', CONTROL)).exitCode).not.toBe(0);
        const { stdout } = await machine.run('systemctl', 'list-unit-files', '--no-legend', 'kube-splice*');
        expect(stdout).toBe('');
      },
      UNIT_MS,
    );
  },
);

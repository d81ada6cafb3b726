import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { NATIVE_RELAY_MISSING } from '../support/native-relay-program.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const ROOT = resolve(import.meta.dirname, '../..');
const MINUTES_MS = 120_000;
const MANIFESTS = '/etc/kube-splice/manifests';

/** Runs a script as a packager would. */
function script(
  name: 'install' | 'uninstall',
  destination: string,
  argv: readonly string[] = [],
  prefix = '/usr',
) {
  return execFileSync(join(ROOT, 'scripts', name), argv, {
    encoding: 'utf8',
    env: { ...process.env, DESTDIR: destination, PREFIX: prefix },
  });
}

/** Every path below a directory, with its mode, and what it holds where it is small. */
function treeOf(directory: string): Map<string, string> {
  const paths = readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort();
  return new Map(
    paths.map((path) => {
      const at = join(directory, path);
      const status = lstatSync(at);
      const mode = (status.mode & 0o7777).toString(8);
      if (status.isSymbolicLink()) return [path, `link to ${readlinkSync(at)}`];
      if (status.isDirectory()) return [path, `directory ${mode}`];
      const text = path.includes('node_modules') ? `${status.size} bytes` : readFileSync(at, 'latin1');
      return [path, `${mode} ${text}`];
    }),
  );
}

describe.skipIf(NATIVE_RELAY_MISSING)('scripts/install (skipped without the native relay)', () => {
  it(
    'puts a program in place that runs, is the same when it is run again, and is all gone after uninstall',
    () => {
      const destination = temporaryDirectory();
      script('install', destination);
      const first = treeOf(destination);
      expect([...first.keys()]).toEqual(
        expect.arrayContaining([
          'usr/bin/kube-splice',
          'usr/lib/kube-splice/kube-splice-relay',
          'usr/lib/systemd/system/kube-splice.service',
          'usr/lib/systemd/system/kube-splice-relay.service',
          'usr/lib/sysusers.d/kube-splice.conf',
          'usr/share/man/man8/kube-splice.8',
          'usr/share/doc/kube-splice/docs/service.md',
          'etc/default/kube-splice',
          MANIFESTS.slice(1),
        ]),
      );
      const library = join(destination, 'usr/lib/kube-splice');
      // Nothing of the repository is needed: the packages are found beside the program.
      const main = join(library, 'dist/main.js');
      expect(execFileSync(process.execPath, [main, '--help'], { encoding: 'utf8' })).toContain('--manifests');
      expect(execFileSync(join(library, 'kube-splice-relay'), ['--version'], { encoding: 'utf8' })).toContain(
        'relay',
      );
      const refused = spawnSync(process.execPath, [main, '--kubeconfig', '/nowhere'], { encoding: 'utf8' });
      expect(refused.stderr).not.toContain('ERR_MODULE_NOT_FOUND');
      for (const developers of ['typescript', 'vitest', '@biomejs'])
        expect(existsSync(join(library, 'node_modules', developers))).toBe(false);

      script('install', destination);
      expect(treeOf(destination)).toEqual(first);

      script('uninstall', destination, ['--purge']);
      expect([...treeOf(destination).keys()].filter((path) => path !== 'etc')).toEqual([]);
    },
    MINUTES_MS,
  );

  it(
    'keeps settings on an upgrade and after uninstall, and removes what an older version left',
    () => {
      const destination = temporaryDirectory();
      script('install', destination);
      const settings = join(destination, 'etc/default/kube-splice');
      writeFileSync(settings, 'KUBE_SPLICE_ARGS=-v 2\n');
      writeFileSync(join(destination, MANIFESTS, 'mine.yaml'), '# mine\n');
      const stale = join(destination, 'usr/lib/kube-splice/dist/stale.js');
      writeFileSync(stale, '');
      script('install', destination);
      expect(readFileSync(settings, 'utf8')).toBe('KUBE_SPLICE_ARGS=-v 2\n');
      expect(existsSync(stale)).toBe(false);
      script('uninstall', destination);
      const files = [...treeOf(destination)]
        .filter(([, what]) => !what.startsWith('directory'))
        .map(([path]) => path);
      expect(files).toEqual(['etc/default/kube-splice', 'etc/kube-splice/manifests/mine.yaml']);
    },
    MINUTES_MS,
  );

  it(
    'names its own paths where PREFIX is another one',
    () => {
      const destination = temporaryDirectory();
      script('install', destination, [], '/opt/splice');
      const unit = readFileSync(
        join(destination, 'opt/splice/lib/systemd/system/kube-splice.service'),
        'utf8',
      );
      expect(unit).toContain('ExecStart=/opt/splice/bin/kube-splice ');
      const launcher = readFileSync(join(destination, 'opt/splice/bin/kube-splice'), 'utf8');
      expect(launcher).toContain('lib=/opt/splice/lib/kube-splice\n');
      expect(existsSync(join(destination, 'usr'))).toBe(false);
    },
    MINUTES_MS,
  );

  it.each(['install', 'uninstall'] as const)(
    '%s only says what it would do with --dry-run',
    (name) => {
      const destination = temporaryDirectory();
      if (name === 'uninstall') script('install', destination);
      const before = treeOf(destination);
      const said = script(name, destination, name === 'install' ? ['--dry-run'] : ['--dry-run', '--purge']);
      expect(said).toMatch(
        new RegExp(`^would ${name === 'install' ? 'install' : 'remove'} .*kube-splice`, 'm'),
      );
      expect(said.split('\n').filter((line) => line !== '' && !line.startsWith('would '))).toEqual([]);
      expect(treeOf(destination)).toEqual(before);
    },
    MINUTES_MS,
  );

  it('takes no argument that it does not know', () => {
    for (const name of ['install', 'uninstall']) {
      const { status, stderr } = spawnSync(join(ROOT, 'scripts', name), ['--dry-runn'], { encoding: 'utf8' });
      expect([status, stderr]).toEqual([2, expect.stringContaining('--dry-runn')]);
    }
  });
});

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { programVersion } from '../../src/cli/version.js';

/** Packing compiles the native relay twice, and installing asks npm's registry. */
const MINUTES_MS = 240_000;
const CANNOT_PREBUILD =
  process.env.CI === undefined &&
  ['make', process.env.CXX ?? 'g++'].some((program) => spawnSync(program, ['--version']).status !== 0);

describe.skipIf(CANNOT_PREBUILD)(
  'the package, installed without install scripts (skipped without make and g++)',
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'kube-splice-package-'));
    const installed = join(folder, 'node_modules', 'kube-splice');
    const prebuilt = join(installed, 'native', 'prebuilt', `linux-${process.arch}`, 'kube-splice-relay');

    beforeAll(() => {
      execFileSync('npm', ['pack', '--pack-destination', folder], { stdio: 'pipe' });
      const [tarball = ''] = readdirSync(folder).filter((name) => name.endsWith('.tgz'));
      writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
      const quietly = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--omit=dev'];
      execFileSync('npm', ['install', ...quietly, `./${tarball}`], { cwd: folder, stdio: 'pipe' });
    }, MINUTES_MS);
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    it('runs kube-splice', () => {
      const program = join(folder, 'node_modules', '.bin', 'kube-splice');
      expect(execFileSync(program, ['--version'], { encoding: 'utf8' })).toContain(programVersion());
    });

    it('brings a native relay that runs here', () => {
      expect(execFileSync(prebuilt, ['--version'], { encoding: 'utf8' })).toMatch(/^kube-splice-relay \d/);
    });

    it('brings one that needs no library of the host', () => {
      // The program headers of an ELF file (elf(5)): a dynamic one names its interpreter.
      expect(readFileSync(prebuilt).includes('/ld-linux')).toBe(false);
      expect(readFileSync(prebuilt).includes('/ld-musl')).toBe(false);
    });

    it('need not build it: the install script leaves it as it is', () => {
      const script = join(installed, 'scripts', 'build-native.mjs');
      const { status, stdout, stderr } = spawnSync(process.execPath, [script], { encoding: 'utf8' });
      expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
      expect(readdirSync(join(installed, 'native'))).not.toContain('build');
    });

    it('has what is needed to build it, and neither tests nor what was built here', () => {
      expect(readdirSync(join(installed, 'native')).sort()).toEqual([
        'Makefile',
        'PROTOCOL.md',
        'README.md',
        'prebuilt',
        'src',
      ]);
    });
  },
);

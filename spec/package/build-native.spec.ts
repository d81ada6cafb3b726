import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/temporary-directory.js';

const ROOT = join(import.meta.dirname, '..', '..');
const NO_MAKE = process.env.CI === undefined && spawnSync('make', ['--version']).status !== 0;

/** A package with the script, the Makefile and one source of a relay; nothing was built in it yet. */
function packageWith(source: string): string {
  const root = temporaryDirectory();
  mkdirSync(join(root, 'native', 'src'), { recursive: true });
  cpSync(join(ROOT, 'scripts', 'build-native.mjs'), join(root, 'scripts', 'build-native.mjs'));
  cpSync(join(ROOT, 'native', 'Makefile'), join(root, 'native', 'Makefile'));
  writeFileSync(join(root, 'native', 'src', 'main.cpp'), source);
  return root;
}

/** Brings a prebuilt program along; with `digest` as that of the sources it was made of. */
function addPrebuilt(root: string, digest: string): void {
  const folder = join(root, 'native', 'prebuilt', `linux-${process.arch}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'kube-splice-relay'), '#!/bin/sh\n');
  chmodSync(join(folder, 'kube-splice-relay'), 0o755);
  writeFileSync(join(root, 'native', 'prebuilt', 'sources.sha256'), digest);
}

function buildNative(root: string, argv: readonly string[] = [], environment: NodeJS.ProcessEnv = {}) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'scripts', 'build-native.mjs'), ...argv],
    { encoding: 'utf8', env: { ...process.env, ...environment } },
  );
  return { status, stdout, stderr, isBuilt: existsSync(join(root, 'native', 'build', 'kube-splice-relay')) };
}

const PLAIN = 'int main() { return 0; }\n';
const WITHOUT_TOOLS = { PATH: '/nonexistent', CXX: '' };

describe('the install script, without make and a compiler', () => {
  it('says in one line what is missing and how to get it, and fails no install', () => {
    const { status, stdout, stderr } = buildNative(packageWith(PLAIN), [], WITHOUT_TOOLS);
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
    expect(stderr).toMatch(/^The native relay was not built: make and a C\+\+17 compiler .*not found: .*\n$/);
    expect(stderr).toContain('npm run build:native');
  });

  it('fails where it was asked for by npm run build:native', () => {
    expect(buildNative(packageWith(PLAIN), ['--must'], WITHOUT_TOOLS).status).toBe(1);
  });

  it('has nothing to say where a prebuilt program came along', () => {
    const root = packageWith(PLAIN);
    addPrebuilt(root, buildNative(root, ['--digest']).stdout);
    expect(buildNative(root, [], WITHOUT_TOOLS)).toMatchObject({ status: 0, stderr: '' });
  });
});

describe.skipIf(NO_MAKE)(
  'the install script, with make and a compiler (skipped where make is missing)',
  () => {
    it('builds the relay', () => {
      expect(buildNative(packageWith(PLAIN))).toMatchObject({ status: 0, stderr: '', isBuilt: true });
    });

    it('does not where a prebuilt program of the same sources came along', () => {
      const root = packageWith(PLAIN);
      addPrebuilt(root, buildNative(root, ['--digest']).stdout);
      expect(buildNative(root)).toMatchObject({ status: 0, isBuilt: false });
    });

    it('does where the prebuilt program was made of others', () => {
      const root = packageWith(PLAIN);
      addPrebuilt(root, buildNative(packageWith(`\n${PLAIN}`), ['--digest']).stdout);
      expect(buildNative(root)).toMatchObject({ status: 0, isBuilt: true });
    });

    it('shows what the compiler says to sources that it does not take, and fails no install', () => {
      const { status, stderr, isBuilt } = buildNative(
        packageWith('int main() { return nothingOfTheKind; }\n'),
      );
      expect({ status, isBuilt }).toEqual({ status: 0, isBuilt: false });
      expect(stderr).toContain('nothingOfTheKind');
      expect(stderr.trimEnd().split('\n').at(-1)).toMatch(
        /^The native relay was not built: it could not be compiled/,
      );
    });

    it('fails there by npm run build:native', () => {
      expect(buildNative(packageWith('int main() { nothing }\n'), ['--must']).status).toBe(1);
    });
  },
);

// Builds the native relay where that can be done. kube-splice works without it, so what is missing, and what the compiler
// makes of a strange system, is said and fails no install. It needs nothing but Node: the packages may not be installed yet.
//
//   (no argument)    as npm's install script: not where a prebuilt program came with the package
//   --from-sources   as scripts/prepare: a prebuilt program is no reason, but where nothing can be built it will do
//   --must           as `npm run build:native`: a failure ends with 1
//   --digest         prints what scripts/prebuild keeps beside the programs: which sources they were made of
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { delimiter, join } from 'node:path';

const NATIVE = join(import.meta.dirname, '..', 'native');
const PROGRAM = join(NATIVE, 'build', 'kube-splice-relay');
const PREBUILT = join(NATIVE, 'prebuilt', `linux-${process.arch}`, 'kube-splice-relay');
const LINES_OF_A_FAILURE = 15;
const MUST = process.argv.includes('--must');
const FROM_SOURCES = MUST || process.argv.includes('--from-sources');

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** @param {string} name a program to be found in PATH, or its path */
function isThere(name) {
  if (name.includes('/')) return isExecutable(name);
  return (process.env.PATH ?? '').split(delimiter).some((folder) => isExecutable(join(folder, name)));
}

/** The same for the same sources. Not their times: npm unpacks files in any order. */
function digestOfSources() {
  const names = readdirSync(join(NATIVE, 'src')).sort();
  const hash = createHash('sha256');
  for (const path of ['Makefile', ...names.map((name) => join('src', name))])
    hash.update(`${path}\0`).update(readFileSync(join(NATIVE, path)));
  return hash.digest('hex');
}

/** True where the package brought a program along that was made of these sources (scripts/prebuild) and runs here. */
function hasFreshPrebuilt() {
  const madeOf = join(NATIVE, 'prebuilt', 'sources.sha256');
  return (
    existsSync(madeOf) &&
    readFileSync(madeOf, 'utf8').trim() === digestOfSources() &&
    spawnSync(PREBUILT, ['--version']).status === 0
  );
}

/** What is missing for a build, or undefined. */
function missing() {
  const compilers = process.env.CXX?.trim()
    ? [process.env.CXX.trim().split(/\s+/)[0]]
    : ['g++', 'clang++', 'c++'];
  const absent = [
    ...(isThere('make') ? [] : ['make']),
    ...(compilers.some(isThere) ? [] : [`a C++17 compiler (${compilers.join(', ')})`]),
  ];
  return absent.length > 0 ? absent.join(' and ') : undefined;
}

/** Why there is no program now, in one line; undefined when there is one. */
function build() {
  if (process.platform !== 'linux') return `it is for Linux, and this is ${process.platform}`;
  // What was built here goes before the prebuilt one: it must not grow old.
  if (!FROM_SOURCES && !isExecutable(PROGRAM) && hasFreshPrebuilt()) return undefined;
  const absent = missing();
  if (absent !== undefined) {
    if (!MUST && (isExecutable(PROGRAM) || hasFreshPrebuilt())) return undefined;
    return `${absent} not found: install it ("apt-get install make g++", for instance), then run "npm run build:native"`;
  }
  const made = spawnSync('make', ['-C', NATIVE, `-j${availableParallelism()}`], { encoding: 'utf8' });
  if (made.status === 0) return undefined;
  const output = `${made.stdout}${made.stderr}`.trimEnd().split('\n');
  process.stderr.write(`${output.slice(-LINES_OF_A_FAILURE).join('\n')}\n`);
  return 'it could not be compiled; the last lines of what make says are above';
}

if (process.argv.includes('--digest')) {
  process.stdout.write(`${digestOfSources()}\n`);
} else if (FROM_SOURCES || !process.env.KUBE_SPLICE_NO_NATIVE_BUILD) {
  const problem = build();
  if (problem !== undefined) {
    const instead = MUST ? '' : ' kube-splice uses the portable relay.';
    process.stderr.write(`The native relay was not built: ${problem}.${instead}\n`);
    if (MUST) process.exitCode = 1;
  }
}

import { execFile } from 'node:child_process';
import { mkdir, readdir, rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

/** Tried in this order where `CXX` names none. */
const COMPILERS = ['g++', 'clang++', 'c++'] as const;

const FLAGS = ['-std=c++17', '-O2', '-Wall', '-Wextra'] as const;

const REMEDY = 'install one (Debian: apt-get install g++) or name one in CXX';

/** The program that makes the load and serves as the endpoint, and the compiler that made it. */
export interface LoadProgram {
  readonly file: string;
  /** Null where the program was there already. */
  readonly compiler: string | null;
}

/**
 * Compiles the C++ files of a directory into one program, unless it is newer than all of them.
 *
 * @throws Error that says what is missing and how to get it, or what the compiler said.
 */
export async function buildLoadProgram(
  sources: string,
  file: string,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<LoadProgram> {
  const names = (await readdir(sources))
    .filter((name) => /\.(cpp|h)$/.test(name))
    .map((name) => join(sources, name));
  const newest = Math.max(...(await Promise.all(names.map(changedMs))));
  if ((await changedMs(file)) > newest) return { file, compiler: null };
  const compiler = await findCompiler(environment);
  await mkdir(dirname(file), { recursive: true });
  // Whoever builds at the same time, or runs what was there before, keeps a whole program.
  const unfinished = `${file}.${process.pid}`;
  const units = names.filter((name) => name.endsWith('.cpp'));
  try {
    await promisify(execFile)(compiler, [...FLAGS, '-o', unfinished, ...units], { env: environment });
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    throw new Error(`the load program in ${sources} could not be built: ${said}`, { cause: error });
  }
  await rename(unfinished, file);
  return { file, compiler };
}

async function findCompiler(environment: NodeJS.ProcessEnv): Promise<string> {
  const { CXX } = environment;
  const candidates = CXX === undefined || CXX === '' ? COMPILERS : [CXX];
  for (const compiler of candidates) {
    try {
      await promisify(execFile)(compiler, ['--version'], { env: environment });
      return compiler;
    } catch {
      // The next one may be there.
    }
  }
  throw new Error(`no C++ compiler (${candidates.join(', ')}) for the load program: ${REMEDY}`);
}

/** 0 for a file that is not there. */
async function changedMs(file: string): Promise<number> {
  try {
    return (await stat(file)).mtimeMs;
  } catch {
    return 0;
  }
}

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const SOURCE = resolve(import.meta.dirname, '../src');

/** What each room may import from, besides itself: the arrows of docs/architecture.md. */
const MODEL: readonly string[] = ['model'];
const FLOOR = ['host', 'balancer', 'config', ...MODEL];
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  model: [],
  balancer: MODEL,
  config: MODEL,
  host: ['config', ...MODEL],
  sources: FLOOR,
  relay: FLOOR,
  steering: FLOOR,
  proxier: ['sources', 'relay', 'steering', ...FLOOR],
  status: ['proxier', 'sources', 'relay', 'steering', ...FLOOR],
  cli: ['status', 'proxier', 'sources', 'relay', 'steering', ...FLOOR],
  main: ['cli', 'status', 'proxier', 'sources', 'relay', 'steering', ...FLOOR],
};

/** Modules of Node that only compute: every other one reads or writes something. */
const PURE_NODE_MODULES = new Set(['node:util', 'node:assert']);

interface Import {
  readonly file: string;
  readonly specifier: string;
}

function sourceFiles(): string[] {
  return readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(SOURCE, name));
}

function importsOf(file: string): Import[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map(([, specifier = '']) => ({
    file: relative(SOURCE, file),
    specifier,
  }));
}

function roomOf(file: string): string {
  return relative(SOURCE, file).replace(/\.ts$/, '').split('/')[0] ?? '';
}

const IMPORTS = sourceFiles().flatMap(importsOf);

describe('the rooms', () => {
  it('are those of the design, and every one of them has files', () => {
    expect(new Set(sourceFiles().map(roomOf))).toEqual(new Set(Object.keys(ARROWS)));
  });

  it('import only in the direction of the arrows', () => {
    const against = IMPORTS.filter(({ specifier }) => specifier.startsWith('.'))
      .map((found) => {
        const target = roomOf(resolve(SOURCE, dirname(found.file), found.specifier.replace(/\.js$/, '.ts')));
        return { ...found, from: roomOf(join(SOURCE, found.file)), target };
      })
      .filter(({ from, target }) => from !== target && !(ARROWS[from] ?? []).includes(target));
    expect(against).toEqual([]);
  });

  it('keep I/O out of model and balancer', () => {
    const io = IMPORTS.filter(
      ({ file, specifier }) =>
        /^(model|balancer)\//.test(file) &&
        specifier.startsWith('node:') &&
        !PURE_NODE_MODULES.has(specifier),
    );
    expect(io).toEqual([]);
  });

  it('have no file longer than 400 lines', () => {
    const long = sourceFiles().filter((file) => readFileSync(file, 'utf8').split('\n').length > 400);
    expect(long.map((file) => relative(SOURCE, file))).toEqual([]);
  });
});

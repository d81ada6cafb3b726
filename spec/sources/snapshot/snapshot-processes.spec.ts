import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { build } from 'vite';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { readSnapshot } from '../../../src/sources/snapshot/read-snapshot.js';
import { writeSnapshot } from '../../../src/sources/snapshot/write-snapshot.js';
import { eventually, within } from '../../support/deadline.js';
import { temporaryDirectory } from '../../support/temporary-directory.js';

const ENTRY = join(import.meta.dirname, 'writer-process.ts');

/** Node 20 runs no TypeScript: the program is bundled first, into a directory of its own. */
let bundle: string;

beforeAll(async () => {
  bundle = mkdtempSync(join(tmpdir(), 'kube-splice-writer-'));
  await build({
    configFile: false,
    logLevel: 'error',
    ssr: { noExternal: true },
    build: {
      ssr: ENTRY,
      outDir: bundle,
      rollupOptions: { output: { entryFileNames: 'writer.mjs', format: 'es' } },
    },
  });
});

afterAll(() => rmSync(bundle, { recursive: true, force: true }));

/** A process that writes one snapshot after the other. It is killed when the test ends. */
class Writer {
  output = '';
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #ended: Promise<unknown>;

  constructor(path: string, firstPort: number) {
    const argv = [join(bundle, 'writer.mjs'), path, `${firstPort}`];
    this.#process = spawn(process.execPath, argv, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#process.stdout.on('data', (data) => {
      this.output += data;
    });
    this.#ended = once(this.#process, 'close');
    onTestFinished(() => this.kill());
  }

  get written(): number {
    return this.output.match(/^written/gm)?.length ?? 0;
  }

  /** True between the two lines that it says for each snapshot. */
  get isWriting(): boolean {
    return /begins \d+\n$/.test(this.output);
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await within('the end of the writer', this.#ended);
  }
}

const temporaryFiles = (directory: string) => readdirSync(directory).filter((name) => name.endsWith('.tmp'));

/** The one port of every endpoint in the snapshot: two of them would be of two states. */
async function portOf(path: string): Promise<number> {
  const snapshot = await readSnapshot(path, {
    signal: new AbortController().signal,
    userId: process.geteuid?.() ?? 0,
  });
  const lists = [...(snapshot?.state.endpoints.values() ?? [])];
  expect(lists).toHaveLength(2_000);
  const ports = new Set(lists.flat().map(({ port }) => port));
  expect(ports.size).toBe(1);
  return [...ports][0] ?? 0;
}

it('a process that is killed while it writes leaves the snapshot before, whole', async () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'services.jsonl');
  // A kill may also come just after a write: what a write leaves behind shows that it was cut.
  for (let round = 0; temporaryFiles(directory).length < 4; round += 1) {
    expect(round, 'writes that were not cut').toBeLessThan(40);
    const first = 1_000 + round * 1_000;
    const left = temporaryFiles(directory).length;
    const writer = new Writer(path, first);
    // Its file is there: else the kill would mostly come before the write.
    const isAtIt = () => writer.written > 1 && writer.isWriting && temporaryFiles(directory).length > left;
    await eventually(() => expect(isAtIt()).toBe(true));
    await writer.kill();
    expect(await portOf(path)).toBeGreaterThanOrEqual(first + 1);
  }
  await writeSnapshot(path, ['one'], {
    signal: new AbortController().signal,
    now: () => Date.now() + 61_000,
    uniqueName: () => 'last',
  });
  expect(temporaryFiles(directory)).toEqual([]);
});

it('two processes with one directory never mix their states: a reader finds one of them, whole, every time', async () => {
  const path = join(temporaryDirectory(), 'services.jsonl');
  const [one, other] = [new Writer(path, 1_000), new Writer(path, 30_000)];
  await eventually(() => expect(Math.min(one.written, other.written)).toBeGreaterThan(0));
  const seen = { one: 0, other: 0 };
  const end = performance.now() + 15_000;
  while ((seen.one < 5 || seen.other < 5 || one.written + other.written < 30) && performance.now() < end)
    seen[(await portOf(path)) < 30_000 ? 'one' : 'other'] += 1;
  expect(Math.min(seen.one, seen.other)).toBeGreaterThanOrEqual(5);
  expect(one.written + other.written).toBeGreaterThanOrEqual(30);
});

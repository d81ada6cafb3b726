import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { writeSnapshot } from '../../../src/sources/snapshot/write-snapshot.js';
import { temporaryDirectory } from '../../support/temporary-directory.js';

const IS_ROOT = process.geteuid?.() === 0;

let path: string;
let writes: number;

beforeEach(() => {
  path = join(temporaryDirectory(), 'state', 'services.jsonl');
  writes = 0;
});

interface Wish {
  readonly signal?: AbortSignal;
  readonly now?: number;
  readonly largest?: number;
}

function write(chunks: Iterable<string>, { signal, now = Date.now(), ...wish }: Wish = {}): Promise<void> {
  return writeSnapshot(path, chunks, {
    signal: signal ?? new AbortController().signal,
    now: () => now,
    uniqueName: () => `${process.pid}-${++writes}`,
    ...wish,
  });
}

const permissions = (of: string) => statSync(of).mode & 0o777;
const written = () => readFileSync(path, 'utf8');
const names = () => readdirSync(dirname(path));

/** Runs with this umask, and sees what the file looks like while it is written. */
async function modeWhileWritten(umask: number): Promise<number> {
  let mode = -1;
  function* chunks() {
    yield 'first';
    const [temporary] = names().filter((name) => name !== basename(path));
    mode = permissions(join(dirname(path), temporary ?? ''));
    yield 'second';
  }
  const before = process.umask(umask);
  try {
    await write(chunks());
  } finally {
    process.umask(before);
  }
  return mode;
}

/** A file system of its own, of this many KiB, that is gone when the test is. */
function mountTmpfs(options: string): string {
  const directory = join(temporaryDirectory(), 'small');
  mkdirSync(directory);
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', directory]);
  onTestFinished(() => {
    execFileSync('umount', [directory]);
  });
  return directory;
}

describe('what is written', () => {
  it('takes the place of what was there, and leaves nothing beside it', async () => {
    await write(['one\n', 'two\n']);
    expect(written()).toBe('one\ntwo\n');
    await write(['three\n']);
    expect(written()).toBe('three\n');
    expect(names()).toEqual([basename(path)]);
  });

  it.each([0, 0o022, 0o777])('is for this user alone from the beginning, with umask %o', async (umask) => {
    expect(await modeWhileWritten(umask)).toBe(0o600);
    expect(permissions(path)).toBe(0o600);
    expect(permissions(dirname(path))).toBe(0o700);
  });

  it('is for this user alone, whatever the file before was', async () => {
    await write(['one']);
    chmodSync(path, 0o666);
    await write(['two']);
    expect(permissions(path)).toBe(0o600);
  });

  it('is not in the place before it is whole', async () => {
    await write(['one']);
    function* chunks() {
      yield 'two';
      expect(written()).toBe('one');
      yield 'three';
      expect(written()).toBe('one');
    }
    await write(chunks());
    expect(written()).toBe('twothree');
  });

  it('lets everything else have its turn between two chunks', async () => {
    let turns = 0;
    const turn = () => {
      turns += 1;
      if (!ended) setImmediate(turn);
    };
    let ended = false;
    setImmediate(turn);
    const turnsAt: number[] = [];
    function* chunks() {
      for (let chunk = 0; chunk < 20; chunk += 1) {
        turnsAt.push(turns);
        yield 'chunk';
      }
    }
    await write(chunks());
    ended = true;
    expect(turnsAt).toHaveLength(20);
    for (const [index, at] of turnsAt.entries()) expect(at).toBeGreaterThan(turnsAt[index - 1] ?? 0);
  });
});

describe('the directory', () => {
  it('keeps the permissions that it has', async () => {
    mkdirSync(dirname(path));
    chmodSync(dirname(path), 0o750);
    await write(['one']);
    expect(permissions(dirname(path))).toBe(0o750);
  });

  it('is made again after it was removed', async () => {
    await write(['one']);
    rmSync(dirname(path), { recursive: true });
    await write(['two']);
    expect(written()).toBe('two');
  });

  it('is not made where the one above is missing', async () => {
    path = join(dirname(path), 'deeper/services.jsonl');
    await expect(write(['one'])).rejects.toMatchObject({
      code: 'SNAPSHOT_UNWRITABLE',
      message: `${path}: cannot be written: the directory does not exist, nor does the one above it (ENOENT)`,
    });
    expect(existsSync(dirname(path))).toBe(false);
  });
});

describe('a write that fails', () => {
  async function expectUnwritable(writing: Promise<void>, reason: RegExp | string): Promise<void> {
    await expect(writing).rejects.toMatchObject({
      code: 'SNAPSHOT_UNWRITABLE',
      message: expect.stringMatching(reason),
    });
  }

  it('because making a chunk failed leaves the file before, and nothing beside it', async () => {
    await write(['one']);
    function* chunks() {
      yield 'two';
      throw new Error('no more');
    }
    await expectUnwritable(write(chunks()), 'no more');
    expect(written()).toBe('one');
    expect(names()).toEqual([basename(path)]);
  });

  it('because it is not wanted any more likewise', async () => {
    await write(['one']);
    const aborting = new AbortController();
    function* chunks() {
      yield 'two';
      aborting.abort();
      yield 'three';
    }
    await expect(write(chunks(), { signal: aborting.signal })).rejects.toMatchObject({ name: 'AbortError' });
    expect(written()).toBe('one');
    expect(names()).toEqual([basename(path)]);
  });

  it('because it would become too large likewise: what is written can be read', async () => {
    await write(['12345'], { largest: 5 });
    await expectUnwritable(write(['123', '456'], { largest: 5 }), 'larger than 5 bytes');
    expect(written()).toBe('12345');
    expect(names()).toEqual([basename(path)]);
  });

  it('because a directory is in its place leaves nothing beside that', async () => {
    mkdirSync(path, { recursive: true });
    await expectUnwritable(write(['one']), /directory is in its place \(EISDIR\)/);
    expect(names()).toEqual([basename(path)]);
  });

  it('because the directory is a file says so', async () => {
    writeFileSync(dirname(path), '');
    await expectUnwritable(write(['one']), /not a directory \(ENOTDIR\)/);
  });

  it('because the file system is full leaves the file before, and works again when there is room', async ({
    skip,
  }) => {
    if (!IS_ROOT) skip('only root may mount a small file system');
    path = join(mountTmpfs('size=256k'), 'services.jsonl');
    const filler = join(dirname(path), 'filler');
    await write(['one']);
    writeFileSync(filler, Buffer.alloc(200 * 1024));
    const large = Array.from({ length: 10 }, () => 'x'.repeat(10 * 1024));
    await expectUnwritable(write(large), /the file system is full \(ENOSPC\)/);
    expect(written()).toBe('one');
    expect(names().sort()).toEqual(['filler', basename(path)]);
    rmSync(filler);
    await write(large);
    expect(written()).toBe(large.join(''));
  });

  it('because the file system is read-only says so', async ({ skip }) => {
    if (!IS_ROOT) skip('only root may mount a read-only file system');
    path = join(mountTmpfs('size=64k,ro'), 'services.jsonl');
    await expectUnwritable(write(['one']), /the file system is read-only \(EROFS\)/);
  });

  it('because this user may not says so', async ({ skip }) => {
    if (IS_ROOT) skip('root may write everywhere');
    mkdirSync(dirname(path), { mode: 0o500 });
    await expectUnwritable(write(['one']), /this user may not \(EACCES\)/);
  });
});

describe('what a crash left behind', () => {
  const leftBehind = (name: string, ageMs: number, now: number) => {
    const file = join(dirname(path), name);
    writeFileSync(file, 'half');
    utimesSync(file, (now - ageMs) / 1000, (now - ageMs) / 1000);
  };

  it('is removed after a minute; what may still be written to, and what is not ours, is not', async () => {
    const now = Date.now();
    mkdirSync(dirname(path));
    leftBehind('.services.jsonl.crashed.tmp', 61_000, now);
    leftBehind('.services.jsonl.writing.tmp', 59_000, now);
    leftBehind('.services.jsonl.swp', 61_000, now);
    leftBehind('notes.tmp', 61_000, now);
    await write(['one'], { now });
    expect(names().sort()).toEqual([
      '.services.jsonl.swp',
      '.services.jsonl.writing.tmp',
      'notes.tmp',
      'services.jsonl',
    ]);
  });

  it('holds up no write where it cannot be removed', async () => {
    mkdirSync(join(dirname(path), '.services.jsonl.odd.tmp'), { recursive: true });
    await write(['one'], { now: Date.now() + 120_000 });
    expect(written()).toBe('one');
  });
});

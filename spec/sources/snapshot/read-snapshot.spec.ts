import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { readSnapshot } from '../../../src/sources/snapshot/read-snapshot.js';
import { snapshotChunks } from '../../../src/sources/snapshot/snapshot-lines.js';
import { within } from '../../support/deadline.js';
import { temporaryDirectory } from '../../support/temporary-directory.js';
import { largeState, plain } from './state-arbitraries.js';

const HEADER = { savedAt: '2026-11-22T12:00:00.000Z', server: 'https://10.0.0.1:6443', nodeName: null };
const STATE = largeState(3, 2);
const OWN = process.geteuid?.() ?? 0;
const IS_ROOT = OWN === 0;

let path: string;

beforeEach(() => {
  path = join(temporaryDirectory(), 'services.jsonl');
});

function write(text: string | Buffer = [...snapshotChunks(HEADER, STATE)].join('')): void {
  writeFileSync(path, text, { mode: 0o600 });
}

const read = (userId = OWN, signal = new AbortController().signal) => readSnapshot(path, { signal, userId });

describe('a snapshot', () => {
  it('that is whole is read, with what it says of itself', async () => {
    write();
    const snapshot = await read();
    expect(snapshot?.header).toEqual(HEADER);
    expect(snapshot && plain(snapshot.state)).toEqual(plain(STATE));
  });

  it('that is not there is no error', async () => {
    expect(await read()).toBeUndefined();
  });

  it('in a directory that is not there is no error', async () => {
    path = join(path, '../missing/services.jsonl');
    expect(await read()).toBeUndefined();
  });

  it('of many chunks, with lines across their ends and characters of several bytes, is read', async () => {
    const header = { ...HEADER, server: 'https://höst.example/✓' };
    const state = largeState(2_000, 3);
    write([...snapshotChunks(header, state)].join(''));
    const snapshot = await read();
    expect(snapshot?.header).toEqual(header);
    expect(snapshot && plain(snapshot.state)).toEqual(plain(state));
  });

  it('is not read on when that is not wanted any more', async () => {
    write([...snapshotChunks(HEADER, largeState(2_000, 3))].join(''));
    const aborting = new AbortController();
    const reading = read(OWN, aborting.signal);
    aborting.abort();
    await expect(reading).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('refused, with what is wrong and what becomes of it', () => {
  async function expectRefused(reason: RegExp | string, userId = OWN): Promise<void> {
    const refused = read(userId);
    await expect(within('the refusal', refused)).rejects.toMatchObject({
      code: 'SNAPSHOT_UNREADABLE',
      message: expect.stringMatching(reason),
    });
    await expect(refused).rejects.toThrow(`${path}: `);
    await expect(refused).rejects.toThrow('it is not used, and replaced when the next state is saved');
  }

  it('an empty file', async () => {
    write('');
    await expectRefused('it is empty');
  });

  it('a file that was cut', async () => {
    write();
    truncateSync(path, readFileSync(path).length - 5);
    await expectRefused(/line \d+: it is not JSON/);
  });

  it('a file of zeros, as a file system leaves it after a power failure', async () => {
    write(Buffer.alloc(4096));
    await expectRefused('line 1: it is not JSON');
  });

  it('a file of a newer version', async () => {
    write('{"version":3}\n');
    await expectRefused('a newer version, 3');
  });

  it('a directory', async () => {
    mkdirSync(path);
    await expectRefused('it is a directory');
  });

  it('a FIFO, without waiting for a writer', async () => {
    execFileSync('mkfifo', [path]);
    await expectRefused('it is not a file');
  });

  it('a symbolic link, whatever it leads to', async () => {
    write();
    const target = `${path}.target`;
    writeFileSync(target, readFileSync(path));
    unlinkSync(path);
    symlinkSync(target, path);
    await expectRefused(/symbolic link.*\(ELOOP\)/);
  });

  it('a file of 2 GB, unread', async () => {
    write();
    truncateSync(path, 2 ** 31);
    await expectRefused('larger than 256 MiB');
  });

  it('a line without an end', async () => {
    write(`${JSON.stringify({ version: 1, ...HEADER })}\n"${'a'.repeat(5 * 1024 * 1024)}`);
    await expectRefused('longer than 4 MiB');
  });

  it('a file that others may write to', async () => {
    write();
    for (const mode of [0o620, 0o602]) {
      chmodSync(path, mode);
      await expectRefused('others than its owner may write');
    }
  });

  it('a file of another user', async ({ skip }) => {
    if (!IS_ROOT) skip('only root can give a file away');
    write();
    chownSync(path, 4711, 4711);
    await expectRefused('belongs to another user, 4711');
  });

  it('a path through a file', async () => {
    write();
    path = join(path, 'services.jsonl');
    await expectRefused(/not a directory \(ENOTDIR\)/);
  });

  it('a file that this user may not read', async ({ skip }) => {
    if (IS_ROOT) skip('root may read every file');
    write();
    chmodSync(path, 0);
    await expectRefused(/this user may not \(EACCES\)/);
  });
});

it("root's file is read by whoever root lets read it", async ({ skip }) => {
  if (!IS_ROOT) skip('the file has to be of root');
  write();
  expect(await read(4711)).toBeDefined();
});

it('whatever bytes are in the file, it is read or refused', async () => {
  write();
  const sound = readFileSync(path);
  await fc.assert(
    fc.asyncProperty(
      fc.nat({ max: sound.length - 1 }),
      fc.uint8Array({ maxLength: 8 }),
      async (at, bytes) => {
        write(Buffer.concat([sound.subarray(0, at), bytes, sound.subarray(at + bytes.length)]));
        const outcome = await read().catch((error) => error.code);
        expect(outcome === 'SNAPSHOT_UNREADABLE' || 'state' in outcome).toBe(true);
      },
    ),
    { numRuns: 300 },
  );
});

import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RotatedLogFile, type RotatedLogFileOptions } from '../../src/host/rotated-log-file.js';
import { eventually, within } from '../support/deadline.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

function optionsFor(directory: string, changed: Partial<RotatedLogFileOptions> = {}): RotatedLogFileOptions {
  return {
    path: join(directory, 'k.log'),
    maxBytes: 1_000,
    keep: 2,
    maxPendingBytes: 100_000,
    lossLine: (lost) => `${lost} lost\n`,
    onFailure: (error) => {
      throw error;
    },
    ...changed,
  };
}

/** The newest lines last, over all the files there are. */
function linesIn(directory: string): string[] {
  return readdirSync(directory)
    .sort()
    .reverse()
    .flatMap((name) => readFileSync(join(directory, name), 'utf8').split('\n'))
    .filter((line) => line !== '');
}

function numbered(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, index) => `line ${from + index}`);
}

const FULL_DISK = '/dev/full';

describe('RotatedLogFile', () => {
  it('has written every line, in order, when it is closed', async () => {
    const directory = temporaryDirectory();
    const file = await RotatedLogFile.open(optionsFor(directory, { maxBytes: 1_000_000 }));
    for (const line of numbered(0, 1_000)) file.write(`${line}\n`);
    await within('close', file.close());
    expect(linesIn(directory)).toEqual(numbered(0, 1_000));
  });

  it('goes on behind what an earlier run wrote, also where that was cut off in a line', async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'k.log'), 'first\nhalf a li');
    const file = await RotatedLogFile.open(optionsFor(directory));
    file.write('second\n');
    await file.close();
    expect(readFileSync(join(directory, 'k.log'), 'utf8')).toBe('first\nhalf a li\nsecond\n');
  });

  it('keeps files within their size, and no more of them than asked for, the newest lines among them', async () => {
    const directory = temporaryDirectory();
    const file = await RotatedLogFile.open(optionsFor(directory));
    for (const line of numbered(0, 500)) file.write(`${line}\n`);
    await file.close();
    expect(readdirSync(directory).sort()).toEqual(['k.log', 'k.log.1', 'k.log.2']);
    for (const name of readdirSync(directory)) {
      expect(statSync(join(directory, name)).size).toBeLessThanOrEqual(1_000);
    }
    const kept = linesIn(directory);
    expect(kept.length).toBeGreaterThan(200);
    expect(kept).toEqual(numbered(500 - kept.length, 500));
  });

  it('counts what an earlier run wrote towards the size', async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'k.log'), `${'x'.repeat(995)}\n`);
    const file = await RotatedLogFile.open(optionsFor(directory));
    file.write('new line\n');
    await file.close();
    expect(readFileSync(join(directory, 'k.log'), 'utf8')).toBe('new line\n');
    expect(readFileSync(join(directory, 'k.log.1'), 'utf8')).toMatch(/^x{995}\n$/);
  });

  it('writes a line that is longer than a file may be all the same, in a file of its own', async () => {
    const directory = temporaryDirectory();
    const file = await RotatedLogFile.open(optionsFor(directory));
    for (const line of ['before', 'x'.repeat(2_000), 'after']) file.write(`${line}\n`);
    await file.close();
    expect(linesIn(directory)).toEqual(['before', 'x'.repeat(2_000), 'after']);
    expect(readFileSync(join(directory, 'k.log'), 'utf8')).toBe('after\n');
  });

  it('is not for everyone to read', async () => {
    const directory = temporaryDirectory();
    const file = await RotatedLogFile.open(optionsFor(directory));
    await file.close();
    expect(statSync(join(directory, 'k.log')).mode & 0o027).toBe(0);
  });

  it('cannot be opened where there is no directory, or something else has its name', async () => {
    const directory = temporaryDirectory();
    await expect(RotatedLogFile.open(optionsFor(join(directory, 'missing')))).rejects.toThrow('ENOENT');
    await expect(RotatedLogFile.open(optionsFor('/', { path: directory }))).rejects.toThrow('EISDIR');
  });

  it('loses lines rather than memory while the disk does not keep up, and says how many', async () => {
    const directory = temporaryDirectory();
    const file = await RotatedLogFile.open(
      optionsFor(directory, { maxBytes: 1_000_000, maxPendingBytes: 80 }),
    );
    // All in one turn of the event loop: the first is on its way, ten wait, the others find no room.
    for (const line of numbered(0, 100)) file.write(`${line.padEnd(7)}\n`);
    await eventually(() => expect(linesIn(directory)).toHaveLength(12));
    file.write('later\n');
    await file.close();
    expect(linesIn(directory).map((line) => line.trim())).toEqual([...numbered(0, 11), '89 lost', 'later']);
  });

  it('says at its place how many lines are missing, also where nothing comes later', async () => {
    const directory = temporaryDirectory();
    const file = await RotatedLogFile.open(optionsFor(directory, { maxPendingBytes: 8 }));
    for (const line of numbered(0, 9)) file.write(`${line}\n`);
    await file.close();
    expect(linesIn(directory)).toEqual(['line 0', 'line 1', '7 lost']);
  });

  it('drops what comes after it was closed', async () => {
    const directory = temporaryDirectory();
    const file = await RotatedLogFile.open(optionsFor(directory));
    await file.close();
    file.write('late\n');
    await file.close();
    expect(linesIn(directory)).toEqual([]);
  });

  it.runIf(existsSync(FULL_DISK))(
    'tells once that the disk is full, and goes on when it no longer is',
    async () => {
      const directory = temporaryDirectory();
      const path = join(directory, 'k.log');
      const failures: unknown[] = [];
      symlinkSync(FULL_DISK, path);
      const file = await RotatedLogFile.open(
        optionsFor(directory, { onFailure: (error) => failures.push(error) }),
      );
      file.write('lost\n');
      await eventually(() => expect(failures).toEqual([expect.objectContaining({ code: 'ENOSPC' })]));
      file.write('lost, too\n');
      file.write('and this\n');
      // Every batch opens the file anew: what it finds there is the disk's own affair.
      unlinkSync(path);
      file.write('there is room\n');
      await file.close();
      const written = readFileSync(path, 'utf8').split('\n');
      const lost = Number(written[0]?.split(' ')[0]);
      expect(written).toEqual([
        `${lost} lost`,
        ...['lost', 'lost, too', 'and this', 'there is room'].slice(lost),
        '',
      ]);
      expect(lost).toBeGreaterThanOrEqual(1);
      expect(failures).toHaveLength(1);
    },
  );

  it.runIf(existsSync(FULL_DISK))('closes well on a disk that is full to the end', async () => {
    const directory = temporaryDirectory();
    const failures: unknown[] = [];
    symlinkSync(FULL_DISK, join(directory, 'k.log'));
    const file = await RotatedLogFile.open(
      optionsFor(directory, { onFailure: (error) => failures.push(error) }),
    );
    for (const line of numbered(0, 100)) file.write(`${line}\n`);
    await within('close', file.close());
    expect(failures).toHaveLength(1);
  });

  it('goes on in the same file where something else was appended to it meanwhile', async () => {
    const directory = temporaryDirectory();
    const file = await RotatedLogFile.open(optionsFor(directory));
    file.write('ours\n');
    await eventually(() => expect(linesIn(directory)).toEqual(['ours']));
    appendFileSync(join(directory, 'k.log'), 'theirs\n');
    file.write('ours again\n');
    await file.close();
    expect(linesIn(directory)).toEqual(['ours', 'theirs', 'ours again']);
  });

  it('goes on in a new file where the old one was moved away, which has all that was written before', async () => {
    const directory = temporaryDirectory();
    const file = await RotatedLogFile.open(optionsFor(directory, { maxBytes: 1_000_000 }));
    for (const line of numbered(0, 100)) file.write(`${line}\n`);
    await file.reopen();
    renameSync(join(directory, 'k.log'), join(directory, 'moved'));
    file.write('still in the old one\n');
    await file.reopen();
    expect(readFileSync(join(directory, 'k.log'), 'utf8')).toBe('');
    file.write('new\n');
    await file.close();
    expect(readFileSync(join(directory, 'k.log'), 'utf8')).toBe('new\n');
    expect(readFileSync(join(directory, 'moved'), 'utf8').split('\n').at(-2)).toBe('still in the old one');
    await within('a reopening that comes too late', file.reopen());
  });
});

import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  renameSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { LARGEST_MANIFEST, lookAt, readLooked } from '../../../src/sources/manifests/file-look.js';
import { within } from '../../support/deadline.js';
import { temporaryDirectory } from '../../support/temporary-directory.js';

const textOf = (outcome: object) => ('problem' in outcome ? outcome.problem : undefined);
const inDirectory = (name: string) => join(temporaryDirectory(), name);
const ROOT_READS_EVERYTHING = process.getuid?.() === 0;

async function fingerprintOf(path: string): Promise<string> {
  const look = await lookAt(path);
  if (look.state !== 'file') expect.fail(`not a file: ${JSON.stringify(look)}`);
  return look.fingerprint;
}

function file(text: string): string {
  const path = inDirectory('a.yaml');
  writeFileSync(path, text);
  return path;
}

describe('a look', () => {
  it('tells that a file was written, replaced or given other rights', async () => {
    const path = file('a: 1\n');
    const seen = [await fingerprintOf(path)];
    appendFileSync(path, 'b: 2\n');
    seen.push(await fingerprintOf(path));
    writeFileSync(`${path}.new`, 'a: 1\nb: 2\n');
    renameSync(`${path}.new`, path);
    seen.push(await fingerprintOf(path));
    chmodSync(path, 0o600);
    seen.push(await fingerprintOf(path));
    expect(new Set(seen).size).toBe(4);
    expect(await fingerprintOf(path)).toBe(seen[3]);
  });

  it('sees through links', async () => {
    const path = file('a: 1\n');
    symlinkSync(path, `${path}.link`);
    expect(await fingerprintOf(`${path}.link`)).toBe(await fingerprintOf(path));
  });

  it('finds a directory', async () => {
    expect(await lookAt(temporaryDirectory())).toEqual({ state: 'directory' });
  });

  it('finds nothing where there is nothing', async () => {
    expect(await lookAt(inDirectory('a.yaml'))).toMatchObject({
      state: 'absent',
      problem: { code: 'MANIFEST_UNREADABLE', text: 'cannot be read: it does not exist (ENOENT)' },
    });
    expect(await lookAt(join(file(''), 'b.yaml'))).toMatchObject({ state: 'absent' });
  });

  it('refuses links that lead in a circle', async () => {
    const path = inDirectory('a.yaml');
    symlinkSync(path, path);
    expect(await lookAt(path)).toMatchObject({
      state: 'unusable',
      problem: { text: 'cannot be read: its symbolic links go round in a circle (ELOOP)' },
    });
  });

  it('refuses a file that is too large, whatever is in it', async () => {
    const path = file('');
    truncateSync(path, LARGEST_MANIFEST);
    expect(await lookAt(path)).toMatchObject({ state: 'file' });
    truncateSync(path, LARGEST_MANIFEST + 1);
    expect(await lookAt(path)).toMatchObject({
      state: 'unusable',
      problem: { code: 'MANIFEST_TOO_LARGE', text: 'is too large: at most 16 MiB are read of one file' },
    });
  });

  it('refuses a FIFO, a socket and a device, and opens none of them', async () => {
    const fifo = inDirectory('fifo.yaml');
    execFileSync('mkfifo', [fifo]);
    const socket = inDirectory('socket.yaml');
    const server = createServer().listen(socket);
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once('listening', resolve));
    const looks = [fifo, socket, '/dev/zero'].map((path) => within(path, lookAt(path)));
    expect((await Promise.all(looks)).map(textOf)).toMatchObject([
      { code: 'MANIFEST_UNREADABLE', text: 'cannot be read: it is a FIFO, not a file' },
      { code: 'MANIFEST_UNREADABLE', text: 'cannot be read: it is a socket, not a file' },
      { code: 'MANIFEST_UNREADABLE', text: 'cannot be read: it is a device, not a file' },
    ]);
  });
});

describe('reading', () => {
  it('gives the bytes of what was looked at', async () => {
    const path = file('a: 1\n');
    const read = await readLooked(path, await fingerprintOf(path));
    expect(read).toEqual({ bytes: Buffer.from('a: 1\n') });
  });

  it('gives nothing where the file has changed since', async () => {
    const path = file('a: 1\n');
    const fingerprint = await fingerprintOf(path);
    appendFileSync(path, 'b: 2\n');
    expect(await readLooked(path, fingerprint)).toBeUndefined();
  });

  it('gives nothing, and does not wait, where a FIFO or a directory has taken its place', async () => {
    const path = file('a: 1\n');
    const fingerprint = await fingerprintOf(path);
    renameSync(path, `${path}.old`);
    execFileSync('mkfifo', [path]);
    expect(await within('the FIFO', readLooked(path, fingerprint))).toBeUndefined();
    renameSync(path, `${path}.fifo`);
    mkdirSync(path);
    expect(await readLooked(path, fingerprint)).toBeUndefined();
  });

  it('tells why it cannot', async () => {
    const path = inDirectory('a.yaml');
    expect(await readLooked(path, '')).toMatchObject({ problem: { code: 'MANIFEST_UNREADABLE' } });
  });

  it.skipIf(ROOT_READS_EVERYTHING)('tells that this user may not', async () => {
    const path = file('a: 1\n');
    chmodSync(path, 0);
    expect(await readLooked(path, await fingerprintOf(path))).toMatchObject({
      problem: { text: 'cannot be read: this user may not (EACCES)' },
    });
  });
});

import { appendFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { lookAt } from '../../../src/sources/manifests/file-look.js';
import { ManifestFile, type UpdateOutcome } from '../../../src/sources/manifests/manifest-file.js';
import { ABSENCE_MS, SETTLE_MS } from '../../../src/sources/manifests/settling.js';
import { serviceObject } from '../../support/kubernetes-objects.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { temporaryDirectory } from '../../support/temporary-directory.js';
import { timeSlice } from '../../support/time-slice.js';

const GONE = {
  state: 'absent',
  problem: { code: 'MANIFEST_UNREADABLE', line: null, text: 'cannot be read', object: null },
} as const;
const service = (name: string, port: unknown = 80) =>
  `---\n${stringify(serviceObject({ ports: [{ port }] }, { name }))}`;

describe('ManifestFile', () => {
  let path: string;
  let file: ManifestFile;
  let logger: RecordingLogger;
  let now: number;

  beforeEach(() => {
    path = join(temporaryDirectory(), 'a.yaml');
    logger = new RecordingLogger();
    file = new ManifestFile(path, logger);
    now = 0;
  });

  const look = async (afterMs: number): Promise<UpdateOutcome> => {
    now += afterMs;
    return file.update(await lookAt(path), now, timeSlice());
  };
  /** Writes, and looks until it has settled. */
  const write = async (text: string | Buffer): Promise<UpdateOutcome> => {
    writeFileSync(path, text);
    await look(0);
    return look(SETTLE_MS);
  };
  const served = () => file.objects.map(({ id }) => id.replace('Service default/', ''));
  const problems = () => file.problems.map(({ code }) => code);

  it('is read when it has rested, and not before', async () => {
    writeFileSync(path, service('a'));
    expect(await look(0)).toBe('unsettled');
    expect(await look(SETTLE_MS - 1)).toBe('unsettled');
    appendFileSync(path, service('b'));
    expect(await look(1)).toBe('unsettled');
    expect(served()).toEqual([]);
    expect(await look(SETTLE_MS)).toBe('changed');
    expect(served()).toEqual(['a', 'b']);
    expect(await look(SETTLE_MS)).toBe('same');
  });

  it('is not read again where only its times changed', async () => {
    await write(service('a'));
    const [object] = file.objects;
    utimesSync(path, 1, 1);
    expect(await look(0)).toBe('unsettled');
    expect(await look(SETTLE_MS)).toBe('same');
    expect(file.objects[0]).toBe(object);
  });

  it.each([
    ['an object with an error', service('a') + service('b', 70_000), 'MANIFEST_INVALID'],
    ['a syntax error', `${service('a')} x\n`, 'MANIFEST_SYNTAX'],
    ['bytes that are no text', Buffer.from([0x80, 0x81]), 'MANIFEST_SYNTAX'],
    ['a NUL', 'a: \0\n', 'MANIFEST_SYNTAX'],
  ])('serves its last good state while it has %s, and says so once', async (_what, text, code) => {
    await write(service('good'));
    logger.lines.length = 0;
    await write(text);
    expect(served()).toEqual(['good']);
    expect(problems()).toEqual([code]);
    await look(SETTLE_MS);
    expect(logger.messages('error')).toHaveLength(1);
    expect(logger.lines.find(({ level }) => level === 'error')?.fields).toMatchObject({ code });
  });

  it('serves what is sound where it never was good', async () => {
    await write(service('a') + service('b', 0));
    expect(served()).toEqual(['a']);
    await write(service('c') + service('b', 0));
    expect(served()).toEqual(['c']);
  });

  it('serves what it holds, and says so, once it is mended', async () => {
    await write(service('a', 0));
    await write(service('a'));
    expect(served()).toEqual(['a']);
    expect(problems()).toEqual([]);
    expect(logger.messages('info')).toEqual([`${path}: is sound again`]);
  });

  it('tells a problem again with every change of its content', async () => {
    await write(service('a', 0));
    await write(service('b') + service('a', 0));
    expect(logger.messages('error')).toHaveLength(2);
  });

  it('serves nothing when it holds nothing', async () => {
    await write(service('a'));
    expect(await write('')).toBe('changed');
    expect(served()).toEqual([]);
  });

  it('serves on when it is away, and says so once, when it has been for a while', async () => {
    await write(service('a'));
    expect(await file.update(GONE, now, timeSlice())).toBe('unsettled');
    expect(problems()).toEqual([]);
    now += ABSENCE_MS;
    expect(await file.update(GONE, now, timeSlice())).toBe('same');
    await file.update(GONE, now + 1, timeSlice());
    expect(served()).toEqual(['a']);
    expect(problems()).toEqual(['MANIFEST_UNREADABLE']);
    expect(logger.messages('error')).toEqual([`${path}: cannot be read`]);
    await look(0);
    expect(problems()).toEqual([]);
    expect(logger.messages('info')).toEqual([`${path}: can be read again`]);
  });

  it('serves on when a directory has taken its place', async () => {
    await write(service('a'));
    await file.update({ state: 'directory' }, now, timeSlice());
    expect(served()).toEqual(['a']);
    expect(file.unreadable?.text).toContain('it is a directory');
  });
});

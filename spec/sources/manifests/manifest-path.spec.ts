import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { ManifestPath } from '../../../src/sources/manifests/manifest-path.js';
import { ABSENCE_MS } from '../../../src/sources/manifests/settling.js';
import { serviceObject } from '../../support/kubernetes-objects.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { temporaryDirectory } from '../../support/temporary-directory.js';
import { timeSlice } from '../../support/time-slice.js';

describe('ManifestPath', () => {
  let directory: string;
  let logger: RecordingLogger;
  let now: number;

  beforeEach(() => {
    directory = join(temporaryDirectory(), 'manifests');
    mkdirSync(directory);
    logger = new RecordingLogger();
    now = 0;
  });

  const write = (name: string) =>
    writeFileSync(join(directory, name), stringify(serviceObject({}, { name: basename(name, '.yaml') })));
  const served = (path: ManifestPath) =>
    path.files.flatMap(({ objects }) => objects.map(({ id }) => id.replace('Service default/', '')));
  /** Looks, and once more after all has had the time to settle. */
  const settle = async (path: ManifestPath, claimed: () => Set<string> = () => new Set()) => {
    await path.update(() => now, claimed(), timeSlice());
    now += ABSENCE_MS;
    return path.update(() => now, claimed(), timeSlice());
  };

  it('serves all files of a directory, in the order of their names', async () => {
    for (const name of ['b.yaml', 'c.yaml', 'a.yaml']) write(name);
    const path = new ManifestPath(directory, logger);
    expect(await settle(path)).toEqual(new Set(['changed']));
    expect(served(path)).toEqual(['a', 'b', 'c']);
    expect(await settle(path)).toEqual(new Set(['same']));
  });

  it('drops the objects of a file that is deleted, once it has been away for a while', async () => {
    for (const name of ['a.yaml', 'b.yaml']) write(name);
    const path = new ManifestPath(directory, logger);
    await settle(path);
    rmSync(join(directory, 'a.yaml'));
    expect(await path.update(() => now, new Set(), timeSlice())).toContain('unsettled');
    expect(served(path)).toEqual(['a', 'b']);
    now += ABSENCE_MS;
    expect(await path.update(() => now, new Set(), timeSlice())).toContain('changed');
    expect(served(path)).toEqual(['b']);
    expect(logger.messages('error')).toEqual([]);
  });

  it('serves on, and in the same order, while a file is replaced', async () => {
    for (const name of ['a.yaml', 'b.yaml']) write(name);
    const path = new ManifestPath(directory, logger);
    await settle(path);
    rmSync(join(directory, 'a.yaml'));
    await path.update(() => now, new Set(), timeSlice());
    write('a.yaml');
    await settle(path);
    expect(served(path)).toEqual(['a', 'b']);
    expect(logger.messages('error')).toEqual([]);
  });

  it('serves on while the directory is away, says so once, and looks again when it is back', async () => {
    write('a.yaml');
    const path = new ManifestPath(directory, logger);
    await settle(path);
    renameSync(directory, `${directory}.away`);
    await settle(path);
    await settle(path);
    expect(served(path)).toEqual(['a']);
    expect(path.unreadable?.text).toContain('does not exist');
    expect(logger.messages('error')).toHaveLength(1);
    renameSync(`${directory}.away`, directory);
    write('b.yaml');
    await settle(path);
    expect(served(path)).toEqual(['a', 'b']);
    expect(path.unreadable).toBeUndefined();
    expect(logger.messages('info')).toEqual([`${directory}: can be read again`]);
  });

  it('serves a file on that was named and is deleted, and says so', async () => {
    write('a.yaml');
    const path = new ManifestPath(join(directory, 'a.yaml'), logger);
    await settle(path);
    rmSync(join(directory, 'a.yaml'));
    await settle(path);
    expect(served(path)).toEqual(['a']);
    expect(logger.messages('error')).toHaveLength(1);
  });

  it('follows a path that was a directory and is a file', async () => {
    write('a.yaml');
    const path = new ManifestPath(directory, logger);
    await settle(path);
    rmSync(directory, { recursive: true });
    writeFileSync(directory, stringify(serviceObject({}, { name: 'b' })));
    await settle(path);
    expect(served(path)).toEqual(['b']);
  });

  it('leaves a file alone that a path named earlier has, however it is written', async () => {
    write('a.yaml');
    write('b.yaml');
    const first = new ManifestPath(join(directory, 'b.yaml'), logger);
    const second = new ManifestPath(relative(process.cwd(), directory), logger);
    for (const path of [first, second])
      await settle(path, () => new Set(path === first ? [] : [join(directory, 'b.yaml')]));
    expect([served(first), served(second)]).toEqual([['b'], ['a']]);
  });

  it('claims what it serves, also while it cannot be read', async () => {
    write('a.yaml');
    const path = new ManifestPath(directory, logger);
    await settle(path);
    renameSync(directory, `${directory}.away`);
    const claimed = new Set<string>();
    await path.update(() => now, claimed, timeSlice());
    expect(claimed).toEqual(new Set([join(directory, 'a.yaml')]));
  });
});

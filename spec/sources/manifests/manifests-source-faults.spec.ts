import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { WatchDirectory } from '../../../src/sources/manifests/directory-watches.js';
import { CollectedStates } from '../../support/collected-states.js';
import { eventually, within } from '../../support/deadline.js';
import { serviceObject } from '../../support/kubernetes-objects.js';
import { API, both, directory, file, inside, logger, sourceOf, WEB, WEB_AT } from './manifests-setting.js';

describe('what goes wrong later', () => {
  it('in one file keeps its last good state, and lets the others change', async () => {
    file('a.yaml', both(WEB, WEB_AT('10.0.0.1')));
    file('b.yaml', API);
    const source = sourceOf([directory]);
    const states = await CollectedStates.startOf(source);
    file('a.yaml', both(WEB, WEB_AT('10.0.0.999')));
    await eventually(() => expect(logger.messages('error')).toHaveLength(1));
    expect(logger.messages('error')[0]).toContain(
      'endpoints[0].addresses[0]: "10.0.0.999" is not an IPv4 address',
    );
    file('b.yaml', stringify(serviceObject({}, { name: 'b' })));
    await states.toServe({ 'default/b:http': [], 'default/web:http': ['10.0.0.1:8080'] });
    expect(source.status()[0]?.errors).toHaveLength(1);
    file('a.yaml', both(WEB, WEB_AT('10.0.0.3')));
    await states.toServe({ 'default/b:http': [], 'default/web:http': ['10.0.0.3:8080'] });
    expect(source.status()[0]?.errors).toEqual([]);
    expect(logger.messages('error')).toHaveLength(1);
  });

  it.each([
    ['becomes too large', (path: string) => truncateSync(path, 50_000_000), 'MANIFEST_TOO_LARGE'],
    ['is cut in half', (path: string) => truncateSync(path, 30), 'MANIFEST_SYNTAX'],
    ['is deleted', (path: string) => unlinkSync(path), 'MANIFEST_UNREADABLE'],
    [
      'becomes a FIFO',
      (path: string) => {
        unlinkSync(path);
        execFileSync('mkfifo', [path]);
      },
      'MANIFEST_UNREADABLE',
    ],
    [
      'becomes a directory',
      (path: string) => {
        unlinkSync(path);
        mkdirSync(path);
      },
      undefined,
    ],
  ])('with a file that was named: it %s, and is served on until it is back', async (_what, spoil, code) => {
    const path = file('a.yaml', WEB);
    const source = sourceOf([path]);
    const states = await CollectedStates.startOf(source);
    spoil(path);
    if (code === undefined) {
      await states.toServe({});
    } else {
      await eventually(() => expect(source.status()[0]?.errors).toEqual([expect.stringContaining(code)]));
      expect(states.served).toEqual({ 'default/web:http': [] });
      expect(logger.messages('error')).toHaveLength(1);
    }
    if (existsSync(path)) rmSync(path, { recursive: true });
    file('a.yaml', API);
    await states.toServe({ 'default/api:http': [] });
    expect(source.status()[0]?.errors).toEqual([]);
  });

  it('with a directory that disappears: it is served on, told once, and taken up when it is back', async () => {
    const manifests = inside('manifests');
    mkdirSync(manifests);
    writeFileSync(join(manifests, 'a.yaml'), WEB);
    const source = sourceOf([manifests]);
    const states = await CollectedStates.startOf(source);
    rmSync(manifests, { recursive: true });
    await eventually(() =>
      expect(logger.messages('error')).toEqual([`${manifests}: cannot be read: it does not exist (ENOENT)`]),
    );
    expect(states.served).toEqual({ 'default/web:http': [] });
    mkdirSync(inside('new'));
    writeFileSync(inside('new/a.yaml'), API);
    renameSync(inside('new'), manifests);
    await states.toServe({ 'default/api:http': [] });
    writeFileSync(join(manifests, 'a.yaml'), both(WEB, API));
    await states.toServe({ 'default/api:http': [], 'default/web:http': [] });
    expect(logger.messages('error')).toHaveLength(1);
    expect(source.status()[0]?.errors).toEqual([]);
  });

  it('with what is in two files: mended by taking it out of one', async () => {
    const source = sourceOf([directory]);
    file('a.yaml', WEB);
    file('b.yaml', WEB);
    const states = await CollectedStates.startOf(source);
    expect(source.status()[0]?.errors).toHaveLength(1);
    file('a.yaml', API);
    await states.toServe({ 'default/api:http': [], 'default/web:http': [] });
    expect(source.status()[0]?.errors).toEqual([]);
    expect(logger.messages('error')).toHaveLength(1);
  });
});

describe('where directories cannot be watched', () => {
  const refuse: WatchDirectory = () => {
    throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
  };
  const deaf: WatchDirectory = () => ({ close: () => undefined });

  it('changes are found by looking, and it is said once', async () => {
    const path = file('a.yaml', WEB);
    const states = await CollectedStates.startOf(sourceOf([path], refuse));
    file('a.yaml', API);
    await states.toServe({ 'default/api:http': [] });
    file('a.yaml', WEB);
    await states.toServe({ 'default/web:http': [] });
    expect(logger.lines.filter(({ level }) => level === 'warn')).toEqual([
      {
        level: 'warn',
        message: `cannot watch ${directory}; it is looked at every 250 ms instead`,
        fields: { error: 'ENOSPC' },
      },
    ]);
  });

  it('but it seems so, as on network file systems, changes are found by looking all the same', async () => {
    const path = file('a.yaml', WEB);
    const states = await CollectedStates.startOf(sourceOf([path], deaf));
    file('a.yaml', API);
    await states.toServe({ 'default/api:http': [] });
    expect(logger.messages('warn')).toEqual([]);
  });
});

describe('a source that is stopped', () => {
  it('delivers nothing more', async () => {
    const path = file('a.yaml', WEB);
    const source = sourceOf([path]);
    const states = await CollectedStates.startOf(source);
    file('a.yaml', API);
    await source.stop();
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(states.states).toHaveLength(1);
  });

  it('delivers nothing at all where that happens during its start', async () => {
    const states = new CollectedStates();
    const source = sourceOf([file('a.yaml', WEB)]);
    const starting = source.start(states.deliver);
    await source.stop();
    await starting;
    expect(states.states).toEqual([]);
  });

  it('closes its watches', async () => {
    const open = new Set<string>();
    const counted: WatchDirectory = (path) => {
      open.add(path);
      return { close: () => open.delete(path) };
    };
    const source = sourceOf([file('a.yaml', WEB)], counted);
    await CollectedStates.startOf(source);
    expect(open).toEqual(new Set([directory]));
    await source.stop();
    expect(open.size).toBe(0);
  });

  it('does not finish a large file first', async () => {
    const names = Array.from({ length: 10_000 }, (_, index) => `s${index}`);
    const text = names.map((name) => stringify(serviceObject({}, { name }))).join('---\n');
    const states = new CollectedStates();
    const source = sourceOf([file('a.yaml', text)]);
    const starting = source.start(states.deliver);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await within('stop', source.stop());
    await within('start', starting);
    expect(states.states).toEqual([]);
  });

  it('may be one that never started', async () => {
    await expect(sourceOf([directory]).stop()).resolves.toBeUndefined();
  });
});

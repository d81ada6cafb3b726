import { execFileSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { ServiceState } from '../../../src/model/service-state.js';
import { CollectedStates, served } from '../../support/collected-states.js';
import { eventually, within } from '../../support/deadline.js';
import { serviceObject, sliceObject } from '../../support/kubernetes-objects.js';
import { temporaryDirectory } from '../../support/temporary-directory.js';
import {
  API,
  both,
  directory,
  file,
  inside,
  logger,
  sourceOf,
  start,
  WEB,
  WEB_AT,
} from './manifests-setting.js';

describe('at the start', () => {
  it('all Services and endpoints of all paths are in the first state', async () => {
    mkdirSync(inside('more'));
    writeFileSync(inside('more/slices.json'), JSON.stringify(sliceObject([{ addresses: ['10.0.0.1'] }])));
    const states = await start(file('services.yaml', both(WEB, API)), inside('more'));
    expect(states.states.map(served)).toEqual([
      { 'default/api:http': [], 'default/web:http': ['10.0.0.1:8080'] },
    ]);
  });

  it('is told why traffic goes to which endpoints', async () => {
    file('services.yaml', WEB);
    file(
      'slices.json',
      JSON.stringify(sliceObject([{ addresses: ['10.0.0.1'], conditions: { ready: false } }])),
    );
    const source = sourceOf([directory]);
    await CollectedStates.startOf(source);
    expect(source.verdicts('default/web:http')?.endpoints).toMatchObject([
      { endpoint: { key: '10.0.0.1:8080' }, internal: 'not-ready' },
    ]);
    expect(source.verdicts('default/api:http')).toBeNull();
  });

  it('nothing is served where nothing is declared, and that is a state', async () => {
    expect((await start(directory)).states.map(served)).toEqual([{}]);
  });

  it('what is wrong in one file is told, and all that is sound is served', async () => {
    const text = both(WEB, stringify(serviceObject({ ports: [{ port: 70_000 }] }, { name: 'bad' })));
    const line = text.slice(0, text.indexOf('70000')).split('\n').length;
    file('a.yaml', text);
    file('b.yaml', 'a: [');
    file('c.yaml', API);
    const source = sourceOf([directory]);
    const states = await CollectedStates.startOf(source);
    expect(Object.keys(states.served).sort()).toEqual(['default/api:http', 'default/web:http']);
    expect(logger.messages('error')).toEqual([
      `${inside('a.yaml')}:${line}: spec.ports[0].port: 70000 is not a port; give 1 to 65535`,
      expect.stringContaining(`${inside('b.yaml')}:1: `),
    ]);
    expect(source.status()).toEqual([
      {
        kind: 'manifests',
        location: directory,
        objects: 2,
        stale: false,
        connected: null,
        connectionChangedAt: null,
        endpointApi: null,
        savedAt: null,
        errors: [
          `MANIFEST_INVALID: ${inside('a.yaml')}:${line}: spec.ports[0].port: 70000 is not a port; give 1 to 65535`,
          expect.stringContaining(`MANIFEST_SYNTAX: ${inside('b.yaml')}:1: `),
        ],
      },
    ]);
  });

  it('a kind that is not used is no error', async () => {
    await start(file('a.yaml', 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n'));
    expect(logger.messages('error')).toEqual([]);
    expect(logger.messages(4)).toEqual([
      `${inside('a.yaml')}: ConfigMap default/x (v1) is of a kind that is not used here`,
    ]);
  });

  it('of an object in two paths the first is used, and the other is told', async () => {
    const first = file('z.yaml', WEB);
    const second = file('a.yaml', stringify(serviceObject({ clusterIP: '10.96.0.2' })));
    const source = sourceOf([first, second]);
    const states = await CollectedStates.startOf(source);
    expect(states.last?.servicePorts.get('default/web:http')?.clusterIPs).toEqual(['10.96.0.1']);
    const text = `${second}: Service default/web is in ${first} already; that one is used`;
    expect(logger.messages('error')).toEqual([text]);
    expect(source.status()[1]?.errors).toEqual([`MANIFEST_DUPLICATE: ${text}`]);
  });

  it('a file that two paths lead to is read once', async () => {
    await start(file('a.yaml', WEB), directory, inside('./a.yaml'));
    expect(logger.messages('error')).toEqual([]);
  });
});

describe('a path that cannot be read at the start', () => {
  const refusal = async (path: string) => {
    const states = new CollectedStates();
    const starting = sourceOf([file('sound.yaml', WEB), path]).start(states.deliver);
    const error: unknown = await starting.catch((thrown: unknown) => thrown);
    expect(states.states).toEqual([]);
    return error;
  };

  it('is named where it does not exist', async () => {
    expect(await refusal(inside('missing.yaml'))).toMatchObject({
      code: 'MANIFEST_UNREADABLE',
      message: `${inside('missing.yaml')}: cannot be read: it does not exist (ENOENT)`,
    });
  });

  it('is named where links lead in a circle', async () => {
    symlinkSync(inside('a.yaml'), inside('a.yaml'));
    expect(await refusal(inside('a.yaml'))).toMatchObject({ code: 'MANIFEST_UNREADABLE' });
  });

  it('is named where it is a FIFO, and nothing waits for its writer', async () => {
    execFileSync('mkfifo', [inside('a.yaml')]);
    expect(await within('start', refusal(inside('a.yaml')))).toMatchObject({
      code: 'MANIFEST_UNREADABLE',
      message: `${inside('a.yaml')}: cannot be read: it is a FIFO, not a file`,
    });
  });

  it('is named where it has 50 MB', async () => {
    truncateSync(file('a.yaml', ''), 50_000_000);
    expect(await refusal(inside('a.yaml'))).toMatchObject({
      code: 'MANIFEST_TOO_LARGE',
      message: `${inside('a.yaml')}: is too large: at most 16 MiB are read of one file`,
    });
  });

  it('is told only where it is one of many in a directory', async () => {
    file('a.yaml', WEB);
    truncateSync(file('b.yaml', ''), 50_000_000);
    execFileSync('mkfifo', [inside('c.yaml')]);
    mkdirSync(inside('d.yaml'));
    symlinkSync(inside('nowhere'), inside('e.yaml'));
    const states = await within('start', start(directory));
    expect(Object.keys(states.served)).toEqual(['default/web:http']);
    expect(logger.lines.filter(({ level }) => level === 'error').map(({ fields }) => fields.code)).toEqual([
      'MANIFEST_TOO_LARGE',
      'MANIFEST_UNREADABLE',
      'MANIFEST_UNREADABLE',
      'MANIFEST_UNREADABLE',
    ]);
  });
});

describe('a change', () => {
  it('is in force when the file has settled, and keeps the identity of what it did not change', async () => {
    const path = file('a.yaml', both(WEB, API, WEB_AT('10.0.0.1')));
    const states = await start(path);
    const [before] = states.states;
    file('a.yaml', both(WEB, API, WEB_AT('10.0.0.1', '10.0.0.2')));
    await states.toServe({ 'default/api:http': [], 'default/web:http': ['10.0.0.1:8080', '10.0.0.2:8080'] });
    for (const [name, servicePort] of before?.servicePorts ?? [])
      expect(states.last?.servicePorts.get(name)).toBe(servicePort);
    expect(states.states).toHaveLength(2);
  });

  it('is not seen while the file is being written', async () => {
    const path = file('a.json', JSON.stringify(serviceObject()));
    const states = await start(path);
    const services = ['api', 'last', 'web'].map((name) => serviceObject({}, { name }));
    const text = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: services });
    const descriptor = openSync(path, 'w');
    for (let at = 0; at < text.length; at += 40) {
      writeSync(descriptor, text.slice(at, at + 40));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    closeSync(descriptor);
    await states.toServe({ 'default/api:http': [], 'default/last:http': [], 'default/web:http': [] });
    expect(states.states.map((state) => state.servicePorts.size)).toEqual([1, 3]);
  });

  it('that leaves everything as it was is not delivered', async () => {
    const states = await start(file('a.yaml', both(WEB, API)));
    file('a.yaml', both(API, '# nothing new\n', WEB));
    file('b.yaml', stringify(serviceObject({}, { name: 'later' })));
    await eventually(() =>
      expect(logger.messages(2).filter((line) => line.includes('a.yaml'))).toHaveLength(2),
    );
    expect(states.states).toHaveLength(1);
  });

  it('by a file that takes the place of another is seen, as editors and kubectl write', async () => {
    const path = file('a.yaml', WEB);
    const states = await start(path);
    renameSync(file('.a.yaml.swp', API), path);
    await states.toServe({ 'default/api:http': [] });
    renameSync(file('a.yaml.tmp', WEB), path);
    await states.toServe({ 'default/web:http': [] });
    expect(states.states).toHaveLength(3);
  });

  it('by deleting a file and writing it anew loses nothing between', async () => {
    const path = file('a.yaml', both(WEB, API));
    const states = await start(directory);
    unlinkSync(path);
    file('a.yaml', both(WEB, stringify(serviceObject({}, { name: 'new' }))));
    await states.toServe({ 'default/new:http': [], 'default/web:http': [] });
    expect(states.states.every((state) => state.servicePorts.has('default/web:http'))).toBe(true);
    expect(logger.messages('error')).toEqual([]);
  });

  it('by a file that comes or goes in a directory is seen', async () => {
    const states = await start(directory);
    file('a.yaml', WEB);
    await states.toServe({ 'default/web:http': [] });
    file('b.json', JSON.stringify(serviceObject({}, { name: 'api' })));
    await states.toServe({ 'default/api:http': [], 'default/web:http': [] });
    unlinkSync(inside('a.yaml'));
    await states.toServe({ 'default/api:http': [] });
    expect(logger.messages('error')).toEqual([]);
  });

  it('by the swap of a mounted ConfigMap is seen at once and as a whole', async () => {
    const version = (name: string, ...files: [string, string][]) => {
      mkdirSync(inside(name));
      for (const [path, text] of files) writeFileSync(inside(`${name}/${path}`), text);
      symlinkSync(name, inside('..data_tmp'));
      renameSync(inside('..data_tmp'), inside('..data'));
    };
    version('..2026_01', ['a.yaml', WEB], ['b.yaml', API]);
    for (const name of ['a.yaml', 'b.yaml']) symlinkSync(`..data/${name}`, inside(name));
    const states = await start(directory);
    version(
      '..2026_02',
      ['a.yaml', both(WEB, WEB_AT('10.0.0.1'))],
      ['b.yaml', stringify(serviceObject({}, { name: 'b' }))],
    );
    rmSync(inside('..2026_01'), { recursive: true });
    await states.toServe({ 'default/b:http': [], 'default/web:http': ['10.0.0.1:8080'] });
    expect(states.states).toHaveLength(2);
    expect(logger.messages('error')).toEqual([]);
  });

  it('of a link, or of what it leads to, is seen', async () => {
    const elsewhere = temporaryDirectory();
    for (const [name, text] of [
      ['one', WEB],
      ['two', API],
    ] as const) {
      mkdirSync(join(elsewhere, name));
      writeFileSync(join(elsewhere, name, 'real.yaml'), text);
    }
    const link = inside('manifests');
    symlinkSync(join(elsewhere, 'one'), link);
    const states = await start(link);
    writeFileSync(join(elsewhere, 'one', 'real.yaml'), both(WEB, API));
    await states.toServe({ 'default/api:http': [], 'default/web:http': [] });
    symlinkSync(join(elsewhere, 'two'), `${link}.new`);
    renameSync(`${link}.new`, link);
    await states.toServe({ 'default/api:http': [] });
  });

  it('of one of many is delivered together with the others of the same moment', async () => {
    for (let index = 0; index < 50; index += 1)
      file(`${index}.yaml`, stringify(serviceObject({}, { name: `s${index}` })));
    const states = await start(directory);
    for (let index = 0; index < 50; index += 1)
      file(`${index}.yaml`, stringify(serviceObject({ clusterIP: '10.96.1.1' }, { name: `s${index}` })));
    const changed = (state: ServiceState | undefined) =>
      [...(state?.servicePorts.values() ?? [])].filter(({ clusterIPs }) => clusterIPs[0] === '10.96.1.1')
        .length;
    await eventually(() => expect(changed(states.last)).toBe(50));
    expect(states.states.length).toBeLessThan(10);
  });
});

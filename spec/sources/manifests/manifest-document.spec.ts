import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { ServiceCatalog } from '../../../src/model/service-catalog.js';
import { readObjects } from '../../../src/sources/manifests/manifest-document.js';
import { mergeManifests } from '../../../src/sources/manifests/merge-manifests.js';
import { serviceObject, sliceObject } from '../../support/kubernetes-objects.js';
import { timeSlice } from '../../support/time-slice.js';

const fixture = (name: string) => readFileSync(new URL(`../../fixtures/${name}`, import.meta.url), 'utf8');
const read = (text: string) => readObjects(text, timeSlice());
const ids = async (text: string) => (await read(text)).objects.map(({ id }) => id);
const complaints = async (text: string) =>
  (await read(text)).problems.map(({ code, line, text: what }) => `${code} ${line}: ${what}`);

const named = (name: string) => serviceObject({}, { name });
const list = (items: unknown, kind = 'List', apiVersion = 'v1') => ({ apiVersion, kind, items });

describe('the objects of a text', () => {
  it.each([
    ['one after the other', `${stringify(named('a'))}...\n${stringify(named('b'))}`],
    ['in a List', stringify(list([named('a'), named('b')]))],
    [
      'in a List that says so at its end',
      stringify({ items: [named('a'), named('b')], kind: 'List', apiVersion: 'v1' }),
    ],
    ['in JSON', JSON.stringify(list([named('a'), named('b')]), null, 2)],
    ['in JSON, an object a line', `${JSON.stringify(named('a'))}\n${JSON.stringify(named('b'))}\n`],
    ['in a list of their kind', stringify(list([named('a'), named('b')], 'ServiceList'))],
  ])('are found %s', async (_what, text) => {
    expect(await ids(text)).toEqual(['Service default/a', 'Service default/b']);
    expect(await complaints(text)).toEqual([]);
  });

  it('need not say what they are in a list of their kind, as an API server lists them', async () => {
    const bare = (name: string) => ({ metadata: { name }, spec: { ports: [{ port: 80 }] } });
    for (const text of [stringify, JSON.stringify].map((write) =>
      write(list([bare('a'), bare('b')], 'ServiceList')),
    ))
      expect(await ids(text)).toEqual(['Service default/a', 'Service default/b']);
  });

  it('are those that a real API server gave', async () => {
    const names = ['services', 'endpointslices', 'endpoints'];
    const found = await Promise.all(
      names.map((name) => read(fixture(`kube-apiserver-1.26/${name}.list.json`))),
    );
    expect(found.flatMap(({ problems }) => problems)).toEqual([]);
    expect(found.map(({ objects }) => objects.map(({ id }) => id))).toEqual([
      expect.arrayContaining(['Service default/kubernetes', 'Service default/whoami']),
      ['EndpointSlice default/kubernetes', 'EndpointSlice default/whoami-abc'],
      ['Endpoints default/kubernetes', 'Endpoints default/whoami'],
    ]);
  });

  it('are those that kube-proxy made its rules of', async () => {
    const { objects, problems, remarks } = await read(fixture('kube-proxy-1.25/objects.yaml'));
    expect(problems).toEqual([]);
    expect(remarks.map(({ text }) => text)).toEqual([
      'Service default/ext is left out: it is an ExternalName Service',
      'Service default/headless is left out: it is headless',
    ]);
    const { services, slices } = mergeManifests([{ path: 'objects.yaml', objects }]);
    const catalog = new ServiceCatalog();
    catalog.replaceServices(services);
    catalog.replaceSlices(slices);
    const { servicePorts, endpoints } = catalog.state();
    expect([...servicePorts.keys()].sort()).toEqual([
      'default/empty:http',
      'default/kubernetes:https',
      'default/web:http',
      'default/whoami:http',
      'kube-system/kube-dns:dns',
      'kube-system/kube-dns:dns-tcp',
    ]);
    const keys = [...endpoints].map(([name, found]) => [name, ...found.map(({ key }) => key)]);
    expect(keys.sort()).toEqual([
      ['default/kubernetes:https', '10.244.0.1:6443'],
      ['default/web:http', '10.244.0.11:3000', '10.244.0.13:3000'],
      ['default/whoami:http', '10.244.0.11:3000', '10.244.0.12:3000', '10.244.0.13:3000'],
      ['kube-system/kube-dns:dns', '10.244.0.11:53', '10.244.0.12:53'],
      ['kube-system/kube-dns:dns-tcp', '10.244.0.11:53', '10.244.0.12:53'],
    ]);
    expect(servicePorts.get('default/web:http')).toMatchObject({
      clusterIPs: ['10.96.20.1'],
      nodePort: 30080,
      externalIPs: ['172.30.0.100'],
      loadBalancerIPs: ['172.30.0.200'],
      loadBalancerSourceRanges: ['172.30.0.0/24'],
      sessionAffinity: { type: 'ClientIP', timeoutSeconds: 600 },
    });
  });

  it('are the same in YAML and in JSON, in a list and alone', async () => {
    const object = fc.constantFrom(named('a'), named('b'), sliceObject([{ addresses: ['10.0.0.1'] }]), {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'c' },
    });
    await fc.assert(
      fc.asyncProperty(fc.array(object, { maxLength: 5 }), async (objects) => {
        const [first, ...others] = await Promise.all([
          read(JSON.stringify(list(objects))),
          read(stringify(list(objects), { aliasDuplicateObjects: false })),
          read(stringify(list(objects))),
          read(objects.map((one) => stringify(one)).join('...\n')),
        ]);
        for (const other of others) expect(other).toEqual(first);
      }),
      { numRuns: 50 },
    );
  });

  it.each([
    '',
    '---\n',
    '# nothing yet\n',
    'null\n',
    '---\n---\n',
    '{"apiVersion": "v1", "kind": "List", "items": []}',
    'apiVersion: v1\nkind: List\n',
  ])('may be none: %j', async (text) => {
    expect(await read(text)).toEqual({ objects: [], problems: [], remarks: [] });
  });

  it('are not looked for in the items of what is no list', async () => {
    const { objects, remarks } = await read(stringify(list([named('a'), named('b')], 'Basket')));
    expect(objects).toEqual([]);
    expect(remarks).toEqual([{ level: 4, text: 'Basket default/? (v1) is of a kind that is not used here' }]);
  });
});

describe('what is wrong in a text', () => {
  it('is told with line and field, in YAML', async () => {
    const text = 'apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  ports:\n  - port: 70000\n';
    expect(await complaints(text)).toEqual([
      'MANIFEST_INVALID 7: spec.ports[0].port: 70000 is not a port; give 1 to 65535',
    ]);
  });

  it('is told with line and field, in JSON', async () => {
    const text = JSON.stringify(serviceObject({ ports: [{ port: '80' }] }), null, 1);
    const line = text.split('\n').findIndex((found) => found.includes('"port"')) + 1;
    expect(await complaints(text)).toEqual([
      `MANIFEST_INVALID ${line}: spec.ports[0].port: "80" is not a port; give 1 to 65535, without quotes`,
    ]);
  });

  it.each([
    ['YAML', (value: unknown) => stringify(value)],
    ['JSON', (value: unknown) => JSON.stringify(value, null, 1)],
  ])('is told with line and field for every item of a list, in %s', async (_what, write) => {
    const wrong = () => serviceObject({ ports: [{ port: 0 }] });
    const text = write(list([named('a'), wrong(), named('b'), wrong()]));
    const lines = text.split('\n').flatMap((line, index) => (/port"?: 0/.test(line) ? [index + 1] : []));
    expect(lines).toHaveLength(2);
    expect(await ids(text)).toEqual(['Service default/a', 'Service default/b']);
    expect(await complaints(text)).toEqual([
      `MANIFEST_INVALID ${lines[0]}: items[1].spec.ports[0].port: 0 is not a port; give 1 to 65535`,
      `MANIFEST_INVALID ${lines[1]}: items[3].spec.ports[0].port: 0 is not a port; give 1 to 65535`,
    ]);
  });

  it('is a syntax error: then no object of that document is used, and those of the others are', async () => {
    const text = `${stringify(named('a'))}...\n${stringify(list([named('b'), named('c')]))} x\n...\n${stringify(named('d'))}`;
    const { objects, problems } = await read(text);
    expect(objects.map(({ id }) => id)).toEqual(['Service default/a', 'Service default/d']);
    expect(problems).toMatchObject([{ code: 'MANIFEST_SYNTAX' }]);
  });

  it.each([
    ['a text', 'hello\n', 'MANIFEST_INVALID 1: "hello" is not a mapping'],
    ['a list', '- a\n- b\n', 'MANIFEST_INVALID 1: a list is not a mapping'],
    ['a JSON list', '[1]', 'MANIFEST_INVALID 1: a list is not a mapping'],
    ['no kind', 'apiVersion: v1\n', 'MANIFEST_INVALID 1: kind: is missing; every object has one'],
    [
      'items that are no list',
      'kind: List\napiVersion: v1\nitems: 3\n',
      'MANIFEST_INVALID 3: items: 3 is not a list',
    ],
    [
      'an item that is none',
      'kind: List\napiVersion: v1\nitems:\n- null\n',
      'MANIFEST_INVALID 4: items[0]: is missing; give an object',
    ],
    [
      'an item without a kind',
      'kind: List\napiVersion: v1\nitems:\n- a: 1\n  apiVersion: v1\n- {apiVersion: v1, kind: Pod}\n',
      'MANIFEST_INVALID 4: items[0].kind: is missing; every object has one',
    ],
    [
      'a list in a list',
      JSON.stringify(list([list([])])),
      'MANIFEST_INVALID 1: items[0]: is a list inside of a list; put its items into the outer one',
    ],
    [
      'a key twice in JSON',
      '{"kind": "Service",\n "kind": "Service"}',
      'MANIFEST_SYNTAX 2: the key "kind" is there twice',
    ],
    ['a template', 'a: {{ .Values.name }}\n', expect.stringMatching(/^MANIFEST_(SYNTAX|INVALID) 1: /)],
  ])('is %s', async (_what, text, complaint) => {
    expect(await complaints(text)).toEqual([complaint]);
  });

  it('is told of thousands of items in one go', async () => {
    const wrong = Array.from({ length: 5_000 }, (_, index) =>
      serviceObject({ ports: [] }, { name: `s${index}` }),
    );
    const { problems } = await read(JSON.stringify(list(wrong), null, 1));
    expect(problems).toHaveLength(5_000);
    expect(new Set(problems.map(({ line }) => line)).size).toBe(5_000);
  });
});

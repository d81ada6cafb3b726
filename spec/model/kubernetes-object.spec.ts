import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseEndpointSlice } from '../../src/model/endpoint-slice.js';
import { isDNSLabel } from '../../src/model/kubernetes-object.js';
import { parseEndpoints } from '../../src/model/legacy-endpoints.js';
import { parseService } from '../../src/model/service.js';
import { endpointsObject, serviceObject, sliceObject } from '../support/kubernetes-objects.js';
import { complaintsOf, parsedValue } from '../support/parsed.js';

const PARSERS = [parseService, parseEndpointSlice, parseEndpoints];
const SOUND_OBJECTS = [
  serviceObject(),
  sliceObject([{ addresses: ['10.0.0.1'], conditions: { ready: true } }]),
  endpointsObject([{ addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 80 }] }]),
];

describe('the metadata of an object', () => {
  it('gives the namespace default where there is none', () => {
    const object = serviceObject({}, { namespace: undefined });
    expect(parsedValue(parseService(object)).namespace).toBe('default');
    expect(parsedValue(parseService(serviceObject({}, { namespace: '' }))).namespace).toBe('default');
  });

  it.each([
    [{ name: undefined }, 'metadata.name: is missing; every object has a name'],
    [{ name: '' }, 'metadata.name: is missing; every object has a name'],
    [{ name: 3 }, 'metadata.name: 3 is not text; put it in quotes'],
    [{ labels: 'app' }, 'metadata.labels: "app" is not a mapping'],
    [{ namespace: ['default'] }, 'metadata.namespace: a list is not text; put it in quotes'],
  ])('reports %j', (metadata, complaint) => {
    expect(complaintsOf(parseService(serviceObject({}, metadata)))).toEqual([complaint]);
  });

  it.each(['My-Web', 'web_1', '-web', 'web-', 'web.default', 'wéb', 'x'.repeat(64)])(
    'refuses the Service name %s, which is no DNS label',
    (name) => {
      expect(complaintsOf(parseService(serviceObject({}, { name })))[0]).toMatch(
        /^metadata\.name: .*DNS label/,
      );
    },
  );

  it('takes dots in the name of a slice and not in that of a namespace', () => {
    const named = (metadata: object) =>
      parseEndpointSlice(
        sliceObject([], { metadata: { labels: { 'kubernetes.io/service-name': 'web' }, ...metadata } }),
      );
    expect(parsedValue(named({ name: 'web.v1-abc' })).name).toBe('web.v1-abc');
    expect(complaintsOf(named({ name: 'web..v1' }))[0]).toMatch(/^metadata\.name: .*DNS name/);
    expect(complaintsOf(named({ name: 'web', namespace: 'a.b' }))[0]).toMatch(
      /^metadata\.namespace: .*DNS label/,
    );
  });

  it.each(['service.kubernetes.io/service-proxy-name', 'service.kubernetes.io/headless'])(
    'excludes every kind by the label %s, whatever its value',
    (label) => {
      const labels = { [label]: '', 'kubernetes.io/service-name': 'web' };
      const objects = SOUND_OBJECTS.map((object) => ({ ...object, metadata: { name: 'web', labels } }));
      for (const [index, parse] of PARSERS.entries())
        expect(parse(objects[index])).toEqual({ outcome: 'skipped', reason: `it has the label ${label}` });
    },
  );

  it('takes a label that an object inherits for none', () => {
    const labels = Object.create({ 'service.kubernetes.io/headless': '' });
    expect(parseService(serviceObject({}, { labels })).outcome).toBe('parsed');
  });
});

describe('isDNSLabel', () => {
  it('takes what RFC 1123 takes', () => {
    expect(['a', 'web', '0', 'web-1', 'x'.repeat(63)].filter(isDNSLabel)).toHaveLength(5);
  });
});

describe('whatever an object is', () => {
  it('parsing answers, and throws never', () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true, withBigInt: true }), (value) => {
        for (const parse of PARSERS) expect(parse(value).outcome).toMatch(/^(parsed|skipped|invalid)$/);
      }),
    );
  });

  it('parsing answers for a sound object with one field replaced by anything', () => {
    const replaced = fc.constantFrom(...SOUND_OBJECTS).chain((object) =>
      fc.record({
        object: fc.constant(object),
        path: fc.constantFrom(...pathsOf(object)),
        value: fc.anything(),
      }),
    );
    fc.assert(
      fc.property(replaced, ({ object, path, value }) => {
        const changed = structuredClone(object);
        replace(changed, path, value);
        for (const parse of PARSERS) {
          const parsed = parse(changed);
          if (parsed.outcome === 'invalid') expect(parsed.errors.length).toBeGreaterThan(0);
          else expect(parsed.outcome).toMatch(/^(parsed|skipped)$/);
        }
      }),
      { numRuns: 500 },
    );
  });
});

type Path = readonly (string | number)[];

function pathsOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  const steps = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  return [
    ...(path.length > 0 ? [path] : []),
    ...steps.flatMap((step) => pathsOf(Reflect.get(value, step), [...path, step])),
  ];
}

function replace(object: object, path: Path, value: unknown): void {
  const [step = '', ...rest] = path;
  if (rest.length === 0) Reflect.set(object, step, value);
  else replace(Reflect.get(object, step), rest, value);
}

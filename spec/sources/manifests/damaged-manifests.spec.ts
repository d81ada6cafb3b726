import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Document, parseAllDocuments, stringify } from 'yaml';
import { isMapping } from '../../../src/model/field.js';
import type { Findings } from '../../../src/sources/manifests/manifest-object.js';
import { readObject, typeMetaOf } from '../../../src/sources/manifests/manifest-object.js';
import { ManifestText } from '../../../src/sources/manifests/manifest-text.js';
import { serviceObject, sliceObject } from '../../support/kubernetes-objects.js';
import { timeSlice } from '../../support/time-slice.js';

const OBJECTS = [
  serviceObject({ sessionAffinity: 'ClientIP' }),
  sliceObject([{ addresses: ['10.0.0.1'] }, { addresses: ['10.0.0.2'], conditions: { ready: false } }]),
  serviceObject(
    { clusterIP: 'fd00::1', ports: [{ name: 'dns', port: 5353, protocol: 'UDP' }] },
    { name: 'dns' },
  ),
];
const LIST = { apiVersion: 'v1', kind: 'List', items: OBJECTS };
const TEXTS = {
  documents: OBJECTS.map((object) => stringify(object)).join('---\n'),
  'a YAML list': stringify(LIST),
  'a JSON list': JSON.stringify(LIST, null, 1),
  'a JSON list on one line': JSON.stringify(LIST),
};

const read = (text: string) => new ManifestText().read(text, timeSlice());

/**
 * What a text says, read the plain way: all of it at once. Undefined where it says nothing that holds, and the last
 * good state is to be served.
 */
function plainReading(text: string): Findings['objects'] | undefined {
  const options = { prettyErrors: false, logLevel: 'silent', merge: true, stringKeys: true } as const;
  const documents = [...parseAllDocuments(text, options)];
  if (documents.some(({ errors }) => errors.length > 0)) return undefined;
  const found = documents
    .map(valueOfDocument)
    .flatMap(itemsOf)
    .map((value) => {
      const meta = typeMetaOf(value);
      return 'kind' in meta ? readObject(value, meta, { path: [], lineOf: () => 1 }) : undefined;
    });
  if (found.some((one) => one === undefined || one.problems.length > 0)) return undefined;
  return found.flatMap((one) => one?.objects ?? []);
}

/** An alias without its anchor shows only here; then it is no object. */
function valueOfDocument(document: Document): unknown {
  try {
    return document.toJS();
  } catch {
    return 'broken';
  }
}

function itemsOf(value: unknown): unknown[] {
  if (value === null) return [];
  if (!isMapping(value) || value.kind !== 'List' || value.apiVersion !== 'v1') return [value];
  if (value.items === undefined || value.items === null) return [];
  return Array.isArray(value.items) ? value.items : [undefined];
}

async function expectTruth(text: string): Promise<void> {
  const { objects, problems } = await read(text);
  const truth = plainReading(text);
  if (truth === undefined) expect(problems.length).toBeGreaterThan(0);
  else expect({ objects, problems }).toEqual({ objects: truth, problems: [] });
}

describe.each(Object.entries(TEXTS))('%s', (_what, text) => {
  it('holds all objects where nothing is damaged', async () => {
    expect((await read(text)).objects).toHaveLength(OBJECTS.length);
    await expectTruth(text);
  });

  it('is taken for what it says or refused, wherever it is cut off', async () => {
    for (let length = 0; length < text.length; length += 7) await expectTruth(text.slice(0, length));
  });

  it('is taken for what it says or refused, whatever is written over a part of it', async () => {
    const noise = fc.oneof(
      fc.string({ unit: fc.constantFrom(...'\n\t :-{}[]",#&*|>\'%@!?0aA\\'), maxLength: 8 }),
      fc.constantFrom(
        '---\n',
        '...\n',
        '<<: *x\n',
        '&a ',
        '*a',
        '!!binary ',
        '70000',
        '-1',
        'null',
        '~',
        '\r\n',
        '\u{1f600}',
      ),
    );
    await fc.assert(
      fc.asyncProperty(fc.nat(text.length), fc.nat(12), noise, async (at, length, written) => {
        await expectTruth(text.slice(0, at) + written + text.slice(at + length));
      }),
      { numRuns: 150 },
    );
  });
});

describe('bytes of any kind', () => {
  it('are refused or read, and nothing is thrown', async () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.string({ unit: 'grapheme', maxLength: 200 }),
    );
    await fc.assert(
      fc.asyncProperty(text, async (drawn) => {
        const { objects } = await read(drawn);
        expect(objects).toEqual([]);
      }),
    );
  });
});

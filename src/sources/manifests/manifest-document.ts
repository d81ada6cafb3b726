import { Field } from '../../model/field.js';
import type { FieldPath } from '../../model/field-error.js';
import type { YamlError, YamlNode } from '../../model/yaml-node.js';
import { readJson } from './json-document.js';
import {
  type Findings,
  invalidObject,
  NOTHING,
  type Place,
  readObject,
  type TypeMeta,
  typeMetaOf,
} from './manifest-object.js';
import type { TimeSlice } from './time-slice.js';
import { type YamlDocument, YamlReader } from './yaml-document.js';

/** What the items of each kind of list are where they do not say it; null where they have to. */
const LISTS = new Map<string, TypeMeta | null>([
  ['v1/List', null],
  ['v1/ServiceList', { apiVersion: 'v1', kind: 'Service' }],
  ['v1/EndpointsList', { apiVersion: 'v1', kind: 'Endpoints' }],
  ['discovery.k8s.io/v1/EndpointSliceList', { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' }],
]);

/** An item that was read before its list was complete: what was found in it, or itself where its list says what it is. */
type EarlyItem = { readonly findings: Findings } | { readonly node: YamlNode; readonly place: Place };

/**
 * Reads the Kubernetes objects of a text, YAML or JSON, in slices of time. Of a document with a syntax error no object
 * is used: what the parser made of the rest of it is a guess.
 *
 * @throws AbortError where the work is not wanted any more.
 */
export async function readObjects(text: string, slice: TimeSlice): Promise<Findings> {
  const found: Findings[] = [];
  const json = await readJson(text, slice);
  for (const document of json ?? [])
    found.push(await readDocument({ ...document, error: undefined, items: [] }, slice));
  if (json !== undefined) return merged(found);
  const reader = new YamlReader(readEarlyItem);
  for await (const document of reader.documents(text, slice)) found.push(await readDocument(document, slice));
  return merged(found);
}

/** All of it as one. */
export function merged(parts: readonly Findings[]): Findings {
  return {
    objects: parts.flatMap(({ objects }) => objects),
    problems: parts.flatMap(({ problems }) => problems),
    remarks: parts.flatMap(({ remarks }) => remarks),
  };
}

function readEarlyItem(node: YamlNode, index: number): EarlyItem {
  const place = { path: ['items', index], lineOf: (path: FieldPath) => node.lineOf(path.slice(2)) };
  if (node.error !== undefined) return { findings: syntaxError(node.error) };
  const meta = typeMetaOf(node.value);
  return 'kind' in meta ? { findings: readItem(node.value, meta, place) } : { node, place };
}

async function readDocument(document: YamlDocument<EarlyItem>, slice: TimeSlice): Promise<Findings> {
  const broken = document.items.find(isBroken) ?? document;
  if ('findings' in broken) return broken.findings;
  const { value, error, lineOf } = document;
  if (error !== undefined) return syntaxError(error);
  if (value === undefined || value === null) return NOTHING;
  const place = { path: [], lineOf };
  const meta = typeMetaOf(value);
  if ('errors' in meta) return invalidObject(meta.errors, null, place);
  const listed = LISTS.get(`${meta.apiVersion}/${meta.kind}`);
  if (listed === undefined) return readObject(value, meta, place);
  return readList(document, listed ?? undefined, slice);
}

async function readList(
  { value, items, lineOf }: YamlDocument<EarlyItem>,
  listed: TypeMeta | undefined,
  slice: TimeSlice,
): Promise<Findings> {
  const found = items.map((item) =>
    'findings' in item ? item.findings : readListed(item.node.value, listed, item.place),
  );
  const list = Field.root(value).child('items');
  for (const [index, item] of list.items().entries()) {
    const path = ['items', items.length + index];
    const place = { path, lineOf: ([, , ...rest]: FieldPath) => lineOf(['items', index, ...rest]) };
    found.push(readListed(item.value, listed, place));
    if (slice.over) await slice.pass();
  }
  found.push(invalidObject(list.errors, null, { path: [], lineOf }));
  return merged(found);
}

function readListed(value: unknown, listed: TypeMeta | undefined, place: Place): Findings {
  const meta = typeMetaOf(value, listed);
  return 'kind' in meta ? readItem(value, meta, place) : invalidObject(meta.errors, null, place);
}

function readItem(value: unknown, meta: TypeMeta, place: Place): Findings {
  if (!LISTS.has(`${meta.apiVersion}/${meta.kind}`)) return readObject(value, meta, place);
  const message = 'is a list inside of a list; put its items into the outer one';
  return invalidObject([{ path: [], message }], null, place);
}

function isBroken(item: EarlyItem): item is { findings: Findings } {
  return 'findings' in item && item.findings.problems.some(({ code }) => code === 'MANIFEST_SYNTAX');
}

function syntaxError({ line, message }: YamlError): Findings {
  return { ...NOTHING, problems: [{ code: 'MANIFEST_SYNTAX', line, text: message, object: null }] };
}

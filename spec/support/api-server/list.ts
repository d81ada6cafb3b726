import type { ObjectStore } from './object-store.js';
import { RESOURCES, type ResourceName } from './resources.js';
import { EVERYTHING, type Selector } from './selectors.js';
import {
  ApiFailure,
  badRequest,
  expiredContinue,
  expiredResourceVersion,
  tooLargeResourceVersion,
} from './status.js';
import type { StoredObject } from './stored-object.js';

/** What of a resource is asked for. */
export interface ListRequest {
  readonly resource: ResourceName;
  /** Undefined: of the whole cluster. */
  readonly namespace: string | undefined;
  readonly selector: Selector;
  readonly query: Readonly<Record<string, string>>;
}

/** Where a list goes on: `start` is the key after the last one that was sent, `rv` the state that the list is of. */
interface Continue {
  readonly v: 'meta.k8s.io/v1';
  readonly rv: number;
  readonly start: string;
}

/** The resourceVersion in a token that asks for the rest as it is now. */
const INCONSISTENT = -1;

/**
 * A list, or a page of one, as JSON. Pages are of one moment, the first one's, as long as that is remembered ("Retrieving
 * large results sets in chunks", API concepts). Like a server 1.26, it answers `resourceVersion=0` whole, out of its cache.
 *
 * @throws ApiFailure 400, 410, 504
 */
export function listText(store: ObjectStore, request: ListRequest): string {
  const { resource, namespace, selector, query } = request;
  const { kind, apiVersion } = RESOURCES[resource];
  const { resourceVersion, start } = momentOf(store, request);
  const limit = query.resourceVersion === '0' ? 0 : wholeNumber(query.limit ?? '0', 'limit');
  const prefix = namespace === undefined ? '' : `${namespace}/`;
  const objects = store.list(resource, resourceVersion);
  const texts: string[] = [];
  let index = firstAt(objects, `${prefix}${start}`);
  let last: StoredObject | undefined;
  for (; index < objects.length && (limit === 0 || texts.length < limit); index += 1) {
    const object = objects[index];
    if (object === undefined || !object.key.startsWith(prefix)) break;
    last = object;
    if (selector(object)) texts.push(object.itemText);
  }
  const remaining = remainingFrom(objects, index, prefix);
  const metadata: Record<string, unknown> = { resourceVersion: `${resourceVersion}` };
  if (remaining > 0 && last !== undefined) {
    const next = `${last.key.slice(prefix.length)}\0`;
    metadata.continue = encoded({ v: 'meta.k8s.io/v1', rv: resourceVersion, start: next });
    // A server does not count what a selector would leave.
    if (selector === EVERYTHING) metadata.remainingItemCount = remaining;
  }
  return `{"kind":"${kind}List","apiVersion":"${apiVersion}","metadata":${JSON.stringify(metadata)},"items":[${texts.join()}]}\n`;
}

/** The moment whose state is asked for, and the key from which on. */
function momentOf(store: ObjectStore, { query }: ListRequest): { resourceVersion: number; start: string } {
  const current = store.resourceVersion;
  if (query.continue !== undefined && query.continue !== '') {
    if (query.resourceVersion !== undefined && query.resourceVersion !== '' && query.resourceVersion !== '0')
      throw new ApiFailure(badRequest('specifying resource version is not allowed when using continue'));
    const { rv, start } = decoded(query.continue);
    if (rv === INCONSISTENT) return { resourceVersion: current, start };
    if (rv < store.compactedAt)
      throw new ApiFailure(expiredContinue(encoded({ v: 'meta.k8s.io/v1', rv: INCONSISTENT, start })));
    if (rv > current) throw new ApiFailure(tooLargeResourceVersion(rv, current));
    return { resourceVersion: rv, start };
  }
  const asked = wholeNumber(query.resourceVersion ?? '', 'resource version');
  if (asked > current) throw new ApiFailure(tooLargeResourceVersion(asked, current));
  if (query.resourceVersionMatch !== 'Exact') return { resourceVersion: current, start: '' };
  if (asked < store.compactedAt) throw new ApiFailure(expiredResourceVersion());
  return { resourceVersion: asked, start: '' };
}

/** A whole number of a query; nothing is 0. @throws ApiFailure 400 */
export function wholeNumber(text: string, what: string): number {
  if (!/^\d*$/.test(text))
    throw new ApiFailure(badRequest(`Invalid value: "${text}": ${what}: invalid syntax`));
  return Number(text);
}

function firstAt(objects: readonly StoredObject[], start: string): number {
  let [low, high] = [0, objects.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((objects[middle]?.key ?? '') < start) low = middle + 1;
    else high = middle;
  }
  return low;
}

function remainingFrom(objects: readonly StoredObject[], index: number, prefix: string): number {
  if (prefix === '') return objects.length - index;
  let count = 0;
  while (objects[index + count]?.key.startsWith(prefix)) count += 1;
  return count;
}

function encoded(token: Continue): string {
  return Buffer.from(JSON.stringify(token)).toString('base64url');
}

function decoded(text: string): Continue {
  try {
    const token: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    if (typeof token === 'object' && token !== null && 'start' in token && 'rv' in token)
      return { v: 'meta.k8s.io/v1', rv: Number(token.rv), start: `${token.start}` };
  } catch {
    // No JSON is no token either.
  }
  throw new ApiFailure(badRequest('continue key is not valid: encoded value is not a token'));
}

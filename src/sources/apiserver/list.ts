import { KubeSpliceError } from '../../model/errors.js';
import { isMapping } from '../../model/field.js';
import type { ApiClient, ApiResponse } from './access/api-client.js';
import { statusErrorOf } from './access/api-status-error.js';
import { GrowingBuffer } from './growing-buffer.js';
import type { Resource } from './resource.js';
import { type RawObject, resourceVersionOf } from './watch-event.js';

/** Objects in a page: what kubectl and client-go ask for. */
const PAGE_SIZE = 500;
/** The longest time in which nothing of a page comes, ms. */
const IDLE_MS = 60_000;
/** A page of the largest objects there are would be three times that; nobody has one. */
const LARGEST_PAGE_BYTES = 256 * 1024 * 1024;

/** One page of a list. */
interface Page {
  readonly items: readonly RawObject[];
  readonly resourceVersion: string;
  /** Empty on the last page. */
  readonly next: string;
}

/**
 * Lists a resource whole, a page at a time, as it was at one moment: the first page's. Returns that moment's
 * resourceVersion, from which a watch goes on ("Retrieving large results sets in chunks" of the API concepts).
 *
 * @throws KubeSpliceError what the client throws; `ApiStatusError` 410 where the moment is so long ago that the server
 *   has forgotten it: the list is to be begun anew; `APISERVER_MALFORMED` for what is no list.
 */
export async function* listPages(
  client: Pick<ApiClient, 'get'>,
  resource: Resource,
  signal: AbortSignal,
): AsyncGenerator<readonly RawObject[], string> {
  let next = '';
  let moment: string | undefined;
  for (;;) {
    const query = { ...resource.query, limit: `${PAGE_SIZE}`, ...(next === '' ? {} : { continue: next }) };
    const response = await client.get(resource.path, query, { signal, idleTimeoutMs: IDLE_MS });
    if (response.status !== 200) throw await statusErrorOf(response);
    const page = pageOf(await textOf(response), resource);
    moment ??= page.resourceVersion;
    yield page.items;
    if (page.next === '') return moment;
    if (page.next === next) throw endless(resource);
    next = page.next;
  }
}

/** The resourceVersion that the server has reached. Throws as `listPages` does. */
export async function currentResourceVersion(
  client: Pick<ApiClient, 'get'>,
  resource: Resource,
  signal: AbortSignal,
): Promise<string> {
  const query = { ...resource.query, limit: '1' };
  const response = await client.get(resource.path, query, { signal, idleTimeoutMs: IDLE_MS });
  if (response.status !== 200) throw await statusErrorOf(response);
  return pageOf(await textOf(response), resource).resourceVersion;
}

/** A cache between, or a server gone wrong: it would be asked for the same page for ever. */
function endless({ name }: Resource): KubeSpliceError {
  return new KubeSpliceError('APISERVER_MALFORMED', `a page of the list of ${name} goes on with itself`);
}

async function textOf(response: ApiResponse): Promise<string> {
  const page = new GrowingBuffer();
  for await (const chunk of response.body) {
    page.append(chunk);
    if (page.length > LARGEST_PAGE_BYTES)
      throw new KubeSpliceError('APISERVER_MALFORMED', 'a page of a list is larger than 256 MiB');
  }
  return page.takeText();
}

function pageOf(text: string, { name }: Resource): Page {
  const list = parseJson(text, name);
  const { items, metadata } = isMapping(list) ? list : {};
  const resourceVersion = isMapping(list) ? resourceVersionOf(list) : undefined;
  // Go writes an empty list as null.
  const objects = items ?? [];
  if (resourceVersion === undefined || !Array.isArray(objects) || !objects.every(isMapping))
    throw new KubeSpliceError('APISERVER_MALFORMED', `what came as the list of ${name} is no list`);
  const next = isMapping(metadata) ? metadata.continue : undefined;
  return { items: objects, resourceVersion, next: typeof next === 'string' ? next : '' };
}

function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new KubeSpliceError('APISERVER_MALFORMED', `the list of ${name} is no JSON`, { cause });
  }
}

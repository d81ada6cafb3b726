import type { ApiClient } from './access/api-client.js';
import { ApiStatusError } from './access/api-status-error.js';
import { isServed } from './is-served.js';
import { listPages } from './list.js';
import type { Mirror } from './mirror.js';
import type { Resource } from './resource.js';

const HTTP_FORBIDDEN = 403;
const HTTP_NOT_FOUND = 404;

export interface ListServedOptions {
  readonly client: Pick<ApiClient, 'get'>;
  readonly resources: readonly [Resource, ...Resource[]];
  readonly mirror: Mirror;
  readonly signal: AbortSignal;
  /** Told which resource is asked for, before it is. */
  readonly asking: (resource: Resource) => void;
  /** Told of each page that came. */
  readonly answered: () => void;
}

/**
 * Lists into a mirror the first of the resources that the server has: an upgrade of the cluster is noticed with the next
 * list. Resolves with the resourceVersion from which to watch on.
 *
 * @throws what `listPages` throws, for the last resource that was asked for.
 */
export async function listServed(options: ListServedOptions): Promise<string> {
  const { client, resources, signal, asking } = options;
  const last = resources.at(-1);
  for (const resource of resources) {
    asking(resource);
    try {
      return await listInto(resource, options);
    } catch (error) {
      if (resource === last || !(await isAbsent(client, resource, error, signal))) throw error;
    }
  }
  throw new TypeError('there is at least one resource');
}

async function listInto(
  resource: Resource,
  { client, mirror, signal, answered }: ListServedOptions,
): Promise<string> {
  const listing = mirror.list(resource);
  const pages = listPages(client, resource, signal);
  for (;;) {
    const page = await pages.next();
    answered();
    if (page.done === true) {
      listing.done();
      return page.value;
    }
    listing.add(page.value);
  }
}

/** Whoever has no right to a resource is refused by a server that does not have it, too. */
async function isAbsent(
  client: Pick<ApiClient, 'get'>,
  resource: Resource,
  error: unknown,
  signal: AbortSignal,
): Promise<boolean> {
  if (!(error instanceof ApiStatusError)) return false;
  if (error.status === HTTP_NOT_FOUND) return true;
  return error.status === HTTP_FORBIDDEN && !(await isServed(client, resource, signal));
}

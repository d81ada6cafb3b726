import type { ApiClient } from './access/api-client.js';
import type { Resource } from './resource.js';

const HTTP_NOT_FOUND = 404;

/** The longest time in which nothing of the answer comes, ms. */
const IDLE_MS = 60_000;

/**
 * Whether the server has the API group and version of a resource. A server that does not have them answers 404 to a
 * list only where the list would be allowed, and 403 otherwise: it asks who may before it asks what there is. Discovery,
 * which the role `system:discovery` allows to everybody who is known, tells the two apart. Where it does not say that
 * there is no such version, there is one.
 *
 * @throws KubeSpliceError what the client throws.
 */
export async function isServed(
  client: Pick<ApiClient, 'get'>,
  { path }: Resource,
  signal: AbortSignal,
): Promise<boolean> {
  const version = path.slice(0, path.lastIndexOf('/'));
  const response = await client.get(version, {}, { signal, idleTimeoutMs: IDLE_MS });
  response.destroy();
  return response.status !== HTTP_NOT_FOUND;
}

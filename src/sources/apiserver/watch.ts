import type { ApiClient } from './access/api-client.js';
import { statusErrorOf } from './access/api-status-error.js';
import { lines } from './json-lines.js';
import type { Resource } from './resource.js';
import { parseWatchEvent, type WatchEvent } from './watch-event.js';

/** How long the server is to keep a watch open, s: between this and twice this, as client-go asks. */
const SHORTEST_WATCH_S = 300;

/** What is asked for. */
export interface WatchRequest {
  readonly resource: Resource;
  /** What happened after it is told. */
  readonly resourceVersion: string;
  readonly signal: AbortSignal;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** A watch that is silent for longer is dead, ms. */
  readonly longestSilenceMs: number;
}

/** A watch that was cut, or fell silent: it can be gone on with where it was. */
export class WatchCut extends Error {}

/** A watch that the server has begun to answer. */
export interface OpenWatch {
  /** Ends as the watch does; events that arrived together come together. Throws `WatchCut`, or `APISERVER_MALFORMED`. */
  readonly events: AsyncIterable<readonly WatchEvent[]>;
}

/**
 * Watches a resource. Resolves when the server has accepted.
 *
 * @throws KubeSpliceError what the client throws; `ApiStatusError` 410 where the resourceVersion is too old.
 */
export async function openWatch(client: Pick<ApiClient, 'get'>, request: WatchRequest): Promise<OpenWatch> {
  const { resource, resourceVersion, signal, random, longestSilenceMs } = request;
  const query = {
    ...resource.query,
    watch: 'true',
    allowWatchBookmarks: 'true',
    resourceVersion,
    timeoutSeconds: `${Math.floor(SHORTEST_WATCH_S * (1 + random()))}`,
  };
  const response = await client.get(resource.path, query, { signal, idleTimeoutMs: longestSilenceMs });
  if (response.status !== 200) throw await statusErrorOf(response);
  return { events: eventsOf(response.body) };
}

async function* eventsOf(body: AsyncIterable<Buffer>): AsyncGenerator<readonly WatchEvent[]> {
  for await (const batch of lines(uncut(body))) {
    const { events, failure } = parsed(batch);
    if (events.length > 0) yield events;
    if (failure !== undefined) throw failure;
  }
}

/** What comes before a line that is no event is sound. */
function parsed(batch: readonly string[]): { events: readonly WatchEvent[]; failure: unknown } {
  const events: WatchEvent[] = [];
  try {
    for (const line of batch) events.push(parseWatchEvent(line));
  } catch (failure) {
    return { events, failure };
  }
  return { events, failure: undefined };
}

/** The chunks as they come. A fault of the stream becomes `WatchCut`; one of whoever reads it stays what it is. */
async function* uncut(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* body;
  } catch (cause) {
    throw new WatchCut('the watch was cut', { cause });
  }
}

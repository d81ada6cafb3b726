import { KubeSpliceError } from '../../model/errors.js';
import type { ApiClient } from './access/api-client.js';
import { ApiStatusError, statusErrorFrom } from './access/api-status-error.js';
import { Backoff } from './backoff.js';
import { isServed } from './is-served.js';
import { currentResourceVersion, listPages } from './list.js';
import type { Mirror, ObjectChange } from './mirror.js';
import type { Resource } from './resource.js';
import { openWatch, WatchCut } from './watch.js';
import { isEarlier, type WatchEvent } from './watch-event.js';

/** What a reflector tells of its work. */
export interface ReflectorObserver {
  /** The server answered as it should. */
  answered(resource: Resource['name']): void;
  /** A try failed; the next one is made after `waitMs`. */
  failed(resource: Resource['name'], error: KubeSpliceError, waitMs: number): void;
}

export interface ReflectorOptions {
  readonly client: Pick<ApiClient, 'get'>;
  /** The first of them that the server has is used. */
  readonly resources: readonly [Resource, ...Resource[]];
  readonly mirror: Mirror;
  readonly observer: ReflectorObserver;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Milliseconds that only ever grow. */
  readonly now: () => number;
  /** Resolves after `ms`, or as soon as the signal is aborted. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
  /** A watch that is silent for longer is dead, ms. */
  readonly longestSilenceMs?: number;
}

/**
 * A server sends a bookmark about once a minute, wherever there is news that the watch does not tell; a second missed
 * one is waited for.
 */
const LONGEST_SILENCE_MS = 90_000;

/** A timer of Node may be a little early, ms. */
const TIMER_TOLERANCE_MS = 2;

/** A watch that ends sooner, and has told nothing new, counts as a failure: watching anew at once could go on for ever. */
const SHORT_WATCH_MS = 1_000;

/** The waits that a server may ask for with `Retry-After`, ms: `0`, obeyed over and over, would be an attack. */
const SHORTEST_RETRY_AFTER_MS = 800;
const LONGEST_RETRY_AFTER_MS = 5 * 60_000;

/** So many times in a row are a fault of the server. */
const EXPIRIES_TOLD = 4;

/** So many short watches in a row tell nothing, and never will: a list does. */
const SHORT_WATCHES_BORNE = 4;

/**
 * A watch that is refused so will be refused again: its version of the API is gone, as after a downgrade, or its
 * resourceVersion is none to this server. A list finds out what there is.
 */
const NOT_TO_BE_WATCHED: ReadonlySet<number> = new Set([400, 404, 405, 422]);

const HTTP_FORBIDDEN = 403;
const HTTP_NOT_FOUND = 404;
const HTTP_GONE = 410;

/**
 * Holds a mirror equal to a resource of the API server (the word is client-go's):
 *
 *     list ──▶ Listing.done ──▶ watch from there ──▶ Mirror.change …
 *       ▲                          │   ▲    │
 *       │ 410: too long ago        │   └────┘ cut, silent or ended: on from the last event
 *       └──────────────────────────┘
 *
 * A watch falls silent where the connection is dead, where there is no news, and where the server has gone back in time
 * (an etcd that was restored): then the resourceVersion is one of the future, and the watch waits for it. So after a
 * silence the server is asked how far it is.
 *
 * `#resourceVersion` is how far the mirror is. It advances only once the mirror has taken an event, so a cut anywhere
 * loses nothing and doubles nothing.
 */
export class Reflector {
  readonly #options: ReflectorOptions;
  readonly #backoff: Backoff;
  #resource: Resource;
  /** Null where there is nothing to go on from. */
  #resourceVersion: string | null = null;
  /** Times in a row that the server had forgotten what was gone on from. */
  #expiries = 0;
  /** When the last list was done, by `now`; null before. */
  #listedAt: number | null = null;
  /** Watches in a row that ended at once, and told nothing. */
  #shortWatches = 0;
  /** A watch was accepted and then told a fault. That one is accepted again says nothing: that it tells events does. */
  #isFaultTold = false;
  /** The last watch fell silent. */
  #isDoubted = false;
  /** The place where a line was no event. */
  #malformedAt: string | null = null;

  constructor(options: ReflectorOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.random);
    [this.#resource] = options.resources;
  }

  /** Goes on until the signal is aborted. Rejects only with what nobody expects: a fault of the program. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (this.#isDoubted) await this.#compare(signal);
        this.#resourceVersion ??= await this.#list(signal);
        await this.#watch(this.#resourceVersion, signal);
      } catch (error) {
        if (!signal.aborted) await this.#recover(error, signal);
      }
    }
  }

  /** Lists the first resource that the server has: an upgrade of the cluster is noticed with the next list. */
  async #list(signal: AbortSignal): Promise<string> {
    const { resources } = this.#options;
    const last = resources.at(-1);
    for (const resource of resources) {
      this.#resource = resource;
      try {
        return await this.#listOne(resource, signal);
      } catch (error) {
        if (resource === last || !(await this.#isAbsent(resource, error, signal))) throw error;
      }
    }
    throw new TypeError('a reflector has at least one resource');
  }

  /** Whoever has no right to a resource is refused by a server that does not have it, too. */
  async #isAbsent(resource: Resource, error: unknown, signal: AbortSignal): Promise<boolean> {
    if (isStatus(error, HTTP_NOT_FOUND)) return true;
    return isStatus(error, HTTP_FORBIDDEN) && !(await isServed(this.#options.client, resource, signal));
  }

  async #listOne(resource: Resource, signal: AbortSignal): Promise<string> {
    const { client, mirror } = this.#options;
    const listing = mirror.list(resource);
    const pages = listPages(client, resource, signal);
    for (;;) {
      const page = await pages.next();
      this.#answered();
      if (page.done === true) {
        listing.done();
        this.#listedAt = this.#options.now();
        return page.value;
      }
      listing.add(page.value);
    }
  }

  /** Forgets how far the mirror is where the server itself is not so far. */
  async #compare(signal: AbortSignal): Promise<void> {
    const current = await currentResourceVersion(this.#options.client, this.#resource, signal);
    if (this.#resourceVersion !== null && isEarlier(current, this.#resourceVersion)) this.#forget();
    this.#isDoubted = false;
  }

  /** Resolves when the watch has ended and is to be gone on with at once. */
  async #watch(resourceVersion: string, signal: AbortSignal): Promise<void> {
    const { client, random, now, longestSilenceMs = LONGEST_SILENCE_MS } = this.#options;
    const resource = this.#resource;
    const watch = await openWatch(client, { resource, resourceVersion, signal, random, longestSilenceMs });
    this.#answered();
    const openedAt = now();
    let heardAt = openedAt;
    try {
      for await (const events of watch.events) {
        this.#take(events);
        this.#toldNoFault();
        heardAt = now();
      }
    } catch (error) {
      if (!(error instanceof WatchCut)) {
        this.#isFaultTold = !isStatus(error, HTTP_GONE);
        if (now() - openedAt >= SHORT_WATCH_MS) this.#backoff.reset();
        throw error;
      }
      this.#isDoubted = now() - heardAt >= longestSilenceMs - TIMER_TOLERANCE_MS;
    }
    const hasProgressed = this.#resourceVersion !== resourceVersion;
    if (hasProgressed || now() - openedAt >= SHORT_WATCH_MS) {
      this.#toldNoFault();
      this.#backoff.reset();
      this.#shortWatches = 0;
    } else await this.#endShortWatch(signal);
  }

  #answered(): void {
    if (!this.#isFaultTold) this.#options.observer.answered(this.#resource.name);
  }

  #toldNoFault(): void {
    if (!this.#isFaultTold) return;
    this.#isFaultTold = false;
    this.#answered();
  }

  async #endShortWatch(signal: AbortSignal): Promise<void> {
    this.#shortWatches += 1;
    if (this.#shortWatches >= SHORT_WATCHES_BORNE) this.#forget();
    if (!signal.aborted) await this.#options.pause(this.#backoff.next(), signal);
  }

  /** The next thing is a list. */
  #forget(): void {
    this.#resourceVersion = null;
    this.#isDoubted = false;
    this.#shortWatches = 0;
  }

  #take(events: readonly WatchEvent[]): void {
    const changes: ObjectChange[] = [];
    let reached = this.#resourceVersion;
    let failure: KubeSpliceError | undefined;
    for (const event of events) {
      failure = this.#failureOf(event, reached);
      if (failure !== undefined || event.type === 'ERROR') break;
      if (event.type !== 'BOOKMARK')
        changes.push({ object: event.object, deleted: event.type === 'DELETED' });
      reached = event.resourceVersion;
    }
    if (changes.length > 0) this.#options.mirror.change(this.#resource, changes);
    if (reached !== this.#resourceVersion) {
      this.#resourceVersion = reached;
      this.#expiries = 0;
      this.#malformedAt = null;
    }
    if (failure !== undefined) throw failure;
  }

  #failureOf(event: WatchEvent, reached: string | null): KubeSpliceError | undefined {
    if (event.type === 'ERROR') return statusErrorFrom(event.status);
    if (reached === null || !isEarlier(event.resourceVersion, reached)) return undefined;
    const message = `the server has gone back from resourceVersion ${reached} to ${event.resourceVersion}`;
    return new ApiStatusError('APISERVER_FAILED', message, { status: HTTP_GONE });
  }

  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    if (!(error instanceof KubeSpliceError)) throw error;
    const isExpired = isStatus(error, HTTP_GONE);
    if (isExpired) {
      this.#forget();
      this.#expiries += 1;
      // Once is the ordinary course of things, after a restart of the server for instance.
      if (this.#expiries === 1 && !this.#hasJustListed()) return;
    }
    if (error instanceof ApiStatusError && NOT_TO_BE_WATCHED.has(error.status)) this.#forget();
    if (error.code === 'APISERVER_MALFORMED') this.#distrust();
    const { observer, pause } = this.#options;
    const waitMs = this.#waitAfter(error);
    if (!isExpired || this.#expiries >= EXPIRIES_TOLD) observer.failed(this.#resource.name, error, waitMs);
    await pause(waitMs, signal);
  }

  /** Lists that follow each other as fast as the server answers would keep it from all else. */
  #hasJustListed(): boolean {
    return this.#listedAt !== null && this.#options.now() - this.#listedAt < SHORT_WATCH_MS;
  }

  /** The same line again is what the server has to say there: a new list goes round it. */
  #distrust(): void {
    if (this.#malformedAt === this.#resourceVersion) this.#forget();
    this.#malformedAt = this.#resourceVersion;
  }

  #waitAfter(error: KubeSpliceError): number {
    const ownMs = this.#backoff.next();
    const askedMs = error instanceof ApiStatusError ? error.retryAfterMs : null;
    // A little later than asked, by chance: not all that were turned away are to come back in the same moment.
    return askedMs === null || askedMs < SHORTEST_RETRY_AFTER_MS
      ? ownMs
      : Math.min(LONGEST_RETRY_AFTER_MS, askedMs) * (1 + 0.1 * this.#options.random());
  }
}

function isStatus(error: unknown, status: number): boolean {
  return error instanceof ApiStatusError && error.status === status;
}

import { KubeSpliceError } from '../../model/errors.js';
import type { ApiClient } from './access/api-client.js';
import { ApiStatusError } from './access/api-status-error.js';
import { Backoff } from './backoff.js';
import { foldEvents } from './fold-events.js';
import { currentResourceVersion } from './list.js';
import { listServed } from './list-served.js';
import type { Mirror } from './mirror.js';
import type { Resource } from './resource.js';
import { openWatch, WatchCut } from './watch.js';
import { isEarlier, type WatchEvent } from './watch-event.js';

/** What a reflector tells of its work. */
export interface ReflectorObserver {
  /** The server answered as it should. */
  answered(): void;
  /** A try failed; another one is made after a while. */
  failed(error: KubeSpliceError): void;
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

/** So many times in a row are a fault of the server. */
const EXPIRIES_TOLD = 4;

/** So many short watches in a row, a minute and more of them, tell nothing and never will: a list does. */
const SHORT_WATCHES_BORNE = 8;

/**
 * A watch that is refused so will be refused again: its version of the API is gone, as after a downgrade, or its
 * resourceVersion is none to this server. A list finds out what there is.
 */
const NOT_TO_BE_WATCHED: ReadonlySet<number> = new Set([400, 404, 405, 422]);

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
  #fellSilent = false;
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
        if (this.#fellSilent) await this.#compare(signal);
        this.#resourceVersion ??= await this.#list(signal);
        await this.#watch(this.#resourceVersion, signal);
      } catch (error) {
        if (!signal.aborted) await this.#recover(error, signal);
      }
    }
  }

  async #list(signal: AbortSignal): Promise<string> {
    const { client, resources, mirror, now } = this.#options;
    const resourceVersion = await listServed({
      client,
      resources,
      mirror,
      signal,
      asking: (resource) => {
        this.#resource = resource;
      },
      answered: () => this.#answered(),
    });
    this.#listedAt = now();
    return resourceVersion;
  }

  /** Forgets how far the mirror is where the server itself is not so far. */
  async #compare(signal: AbortSignal): Promise<void> {
    const current = await currentResourceVersion(this.#options.client, this.#resource, signal);
    if (this.#resourceVersion !== null && isEarlier(current, this.#resourceVersion)) this.#forget();
    this.#fellSilent = false;
  }

  /** Resolves when the watch has ended and is to be gone on with at once. */
  async #watch(resourceVersion: string, signal: AbortSignal): Promise<void> {
    const { client, random, now, longestSilenceMs = LONGEST_SILENCE_MS } = this.#options;
    const resource = this.#resource;
    const watch = await openWatch(client, { resource, resourceVersion, signal, random, longestSilenceMs });
    this.#answered();
    const openedAt = now();
    let heardAt = openedAt;
    let reached = resourceVersion;
    try {
      for await (const events of watch.events) {
        reached = this.#take(events, reached);
        this.#toldNoFault();
        heardAt = now();
      }
    } catch (error) {
      if (!(error instanceof WatchCut)) {
        this.#isFaultTold = !isStatus(error, HTTP_GONE);
        if (now() - openedAt >= SHORT_WATCH_MS) this.#backoff.reset();
        throw error;
      }
      this.#fellSilent = now() - heardAt >= longestSilenceMs - TIMER_TOLERANCE_MS;
    }
    if (reached !== resourceVersion || now() - openedAt >= SHORT_WATCH_MS) {
      this.#toldNoFault();
      this.#backoff.reset();
      this.#shortWatches = 0;
      this.#expiries = 0;
    } else await this.#endShortWatch(signal);
  }

  #answered(): void {
    if (!this.#isFaultTold) this.#options.observer.answered();
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
    this.#fellSilent = false;
    this.#shortWatches = 0;
  }

  #take(events: readonly WatchEvent[], from: string): string {
    const { changes, reached, fault } = foldEvents(events, from);
    if (changes.length > 0) this.#options.mirror.change(this.#resource, changes);
    if (reached !== from) {
      this.#resourceVersion = reached;
      this.#expiries = 0;
      this.#malformedAt = null;
    }
    if (fault !== null) throw fault;
    return reached;
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
    const waitMs = this.#backoff.after(error);
    if (!isExpired || this.#expiries >= EXPIRIES_TOLD) observer.failed(error);
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
}

function isStatus(error: unknown, status: number): boolean {
  return error instanceof ApiStatusError && error.status === status;
}

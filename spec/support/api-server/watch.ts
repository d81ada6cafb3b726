import type { Answer } from './answer.js';
import { type ListRequest, wholeNumber } from './list.js';
import type { ObjectStore, StoreEvent } from './object-store.js';
import { RESOURCES, type ResourceName } from './resources.js';
import { ApiFailure, type Status, tooOldResourceVersion, watchListUnsupported } from './status.js';
import { atResourceVersion, objectText, type StoredObject } from './stored-object.js';

/** A bookmark comes this long before a watch ends, ms, so that the next one begins where it ended. */
const BOOKMARK_BEFORE_END_MS = 2_000;
/** How long a watch lasts of which the client does not say, s: the shortest that a server takes (`--min-request-timeout`). */
const DEFAULT_TIMEOUT_S = 1_800;

export interface WatchOptions {
  readonly bookmarkIntervalMs: number;
  /** Whether nothing but the objects of this server is written to the etcd of this cluster, not even a lease. */
  readonly isQuietCluster: boolean;
}

/**
 * One watch: after the headers a line of JSON for every change, until somebody ends it ("Efficient detection of changes",
 * API concepts). What it does not promise it does not do, as the watch cache of k8s.io/apiserver:
 *
 * - a bookmark is sent only once the resourceVersion is beyond the one at which the watch began;
 * - a watch from a resourceVersion that is yet to come, as after a restore of etcd, is accepted, and silent until then.
 */
export class Watch {
  readonly resource: ResourceName;
  readonly #store: ObjectStore;
  readonly #request: ListRequest;
  readonly #answer: Answer;
  readonly #options: WatchOptions;
  readonly #timers: NodeJS.Timeout[] = [];
  #unsubscribe: () => void = () => {};
  /** What is not beyond it was sent, or was known to the client before. */
  #begunAt = 0;

  constructor(store: ObjectStore, request: ListRequest, answer: Answer, options: WatchOptions) {
    this.resource = request.resource;
    this.#store = store;
    this.#request = request;
    this.#answer = answer;
    this.#options = options;
  }

  /** @throws ApiFailure 400, 422: then nothing was sent. */
  open(): void {
    const { query } = this.#request;
    if ((query.resourceVersionMatch ?? '') !== '') throw new ApiFailure(watchListUnsupported());
    const from = wholeNumber(query.resourceVersion ?? '', 'resource version');
    const timeoutS = wholeNumber(query.timeoutSeconds ?? '', 'timeoutSeconds') || DEFAULT_TIMEOUT_S;
    this.#answer.open(200);
    this.#answer.onClose(() => this.#forget());
    if (from !== 0 && from < this.#store.compactedAt) {
      this.#sendError(tooOldResourceVersion(from, this.#store.compactedAt));
      this.end();
      return;
    }
    this.#begunAt = from === 0 ? this.#sendPresent() : from;
    for (const event of this.#store.eventsAfter(this.resource, this.#begunAt)) this.#sendEvent(event);
    this.#unsubscribe = this.#store.subscribe(this.resource, (event) => this.#sendEvent(event));
    this.#startTimers(timeoutS * 1_000);
  }

  end(): void {
    this.#answer.end();
    this.#forget();
  }

  cut(rest?: string): void {
    this.#answer.cut(rest);
    this.#forget();
  }

  /** The connection stays, and nothing comes any more. */
  silence(): void {
    this.#answer.silence();
  }

  get isClosed(): boolean {
    return this.#answer.isClosed;
  }

  /** Sends what is no event. */
  sendRaw(text: string): void {
    this.#answer.write(text);
  }

  /** Sends a bookmark, if there is something to tell. */
  sendBookmark(): void {
    const { isQuietCluster } = this.#options;
    if (this.#store.resourceVersion <= this.#begunAt && !isQuietCluster) this.#store.advance();
    const { resourceVersion } = this.#store;
    if (resourceVersion <= this.#begunAt) return;
    const { kind, apiVersion, emptyFields } = RESOURCES[this.resource];
    const metadata = `{"resourceVersion":"${resourceVersion}","creationTimestamp":null}`;
    const fields = emptyFields === '' ? '' : `,${emptyFields}`;
    this.#send('BOOKMARK', `{"kind":"${kind}","apiVersion":"${apiVersion}","metadata":${metadata}${fields}}`);
  }

  #startTimers(timeoutMs: number): void {
    this.#timers.push(setTimeout(() => this.end(), timeoutMs));
    if (this.#request.query.allowWatchBookmarks !== 'true' && this.#request.query.allowWatchBookmarks !== '1')
      return;
    this.#timers.push(setInterval(() => this.sendBookmark(), this.#options.bookmarkIntervalMs));
    if (timeoutMs > BOOKMARK_BEFORE_END_MS)
      this.#timers.push(setTimeout(() => this.sendBookmark(), timeoutMs - BOOKMARK_BEFORE_END_MS));
  }

  /** Sends everything there is as if it were added just now; returns the resourceVersion of that. */
  #sendPresent(): number {
    for (const object of this.#store.list(this.resource))
      if (this.#selects(object)) this.#send('ADDED', objectText(object));
    return this.#store.resourceVersion;
  }

  /** An object that begins to be selected is added, for this client; one that ceases is deleted, as it was last. */
  #sendEvent({ resourceVersion, object, previous, isDeletion }: StoreEvent): void {
    if (resourceVersion <= this.#begunAt) return;
    const isSelected = !isDeletion && this.#selects(object);
    const wasSelected = previous !== undefined && this.#selects(previous);
    if (isSelected) this.#send(wasSelected ? 'MODIFIED' : 'ADDED', objectText(object));
    else if (wasSelected) this.#send('DELETED', objectText(atResourceVersion(previous, resourceVersion)));
  }

  #sendError(status: Status): void {
    this.#send('ERROR', JSON.stringify(status));
  }

  #send(type: string, objectJson: string): void {
    this.#answer.write(`{"type":"${type}","object":${objectJson}}\n`);
  }

  #selects(object: StoredObject): boolean {
    const { namespace, selector } = this.#request;
    return (namespace === undefined || object.namespace === namespace) && selector(object);
  }

  #forget(): void {
    this.#unsubscribe();
    for (const timer of this.#timers) clearTimeout(timer);
  }
}

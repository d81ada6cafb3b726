import type { Logger } from '../../host/log.js';
import type { ErrorCode, KubeSpliceError } from '../../model/errors.js';
import type { Resource } from './resource.js';

/** Faults that concern one resource; all others are of the server, or of the way to it, and told once for all. */
const OF_ONE_RESOURCE: ReadonlySet<ErrorCode> = new Set([
  'APISERVER_FORBIDDEN',
  'APISERVER_FAILED',
  'APISERVER_MALFORMED',
]);

interface Fault {
  readonly key: string;
  readonly line: string;
  /** It leaves Services and endpoints as good as they were. */
  readonly isMinor: boolean;
}

export interface ServerConditionOptions {
  /** The URL. */
  readonly server: string;
  readonly logger: Logger;
  /** ms since the epoch. */
  readonly now: () => number;
}

/**
 * How the API server is doing, as all that is watched there sees it. A fault is logged when it begins and the recovery
 * when nothing is wrong any more: however many tries were made in between, however many resources they were for.
 */
export class ServerCondition {
  readonly #options: ServerConditionOptions;
  readonly #faults = new Map<Resource['name'], Fault>();
  readonly #answered = new Set<Resource['name']>();
  readonly #told = new Set<string>();
  #since: number;

  constructor(options: ServerConditionOptions) {
    this.#options = options;
    this.#since = options.now();
  }

  /** A try for this resource failed. */
  failed(resource: Resource['name'], error: KubeSpliceError): void {
    const { logger, server } = this.#options;
    const wasConnected = this.isConnected;
    const isOfOne = OF_ONE_RESOURCE.has(error.code);
    const key = isOfOne ? `${error.code} ${resource}` : error.code;
    const line = `${error.code}: ${error.message}`;
    this.#faults.set(resource, { key, line, isMinor: isOfOne && resource === 'nodes' });
    if (wasConnected && !this.isConnected) this.#since = this.#options.now();
    this.#forgetWhatIsOver();
    if (this.#told.has(key)) return;
    this.#told.add(key);
    logger.warn(line, { server, remedy: error.remedy });
  }

  /** The server answered for this resource as it should. */
  answered(resource: Resource['name']): void {
    const { logger, server, now } = this.#options;
    const wasConnected = this.isConnected;
    const wasEver = this.#answered.size > 0;
    this.#answered.add(resource);
    this.#faults.delete(resource);
    this.#forgetWhatIsOver();
    if (wasConnected || !this.isConnected) return;
    const afterSeconds = Math.round((now() - this.#since) / 1000);
    this.#since = now();
    if (wasEver) logger.info('the API server answers again', { server, afterSeconds });
    else logger.info('the API server answers', { server });
  }

  /** True where the server has answered, and nothing is wrong; without the nodes it is well enough. */
  get isConnected(): boolean {
    return this.#answered.size > 0 && [...this.#faults.values()].every(({ isMinor }) => isMinor);
  }

  /** Since when it is, or is not; before the first answer since the start. ms since the epoch. */
  get since(): number {
    return this.#since;
  }

  /** What is wrong now, each once. */
  get errors(): readonly string[] {
    return [...new Map([...this.#faults.values()].map(({ key, line }) => [key, line])).values()];
  }

  #forgetWhatIsOver(): void {
    const current = new Set([...this.#faults.values()].map(({ key }) => key));
    for (const key of this.#told) if (!current.has(key)) this.#told.delete(key);
  }
}

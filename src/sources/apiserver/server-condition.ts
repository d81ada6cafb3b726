import type { Logger } from '../../host/log.js';
import type { ErrorCode, KubeSpliceError } from '../../model/errors.js';

/** What a cluster is read in: whichever API endpoints come from, they are one part. */
export type Part = 'services' | 'endpoints' | 'node';

/** Faults that differ from resource to resource; all others are of the server, or of the way to it. */
const OF_ONE_RESOURCE: ReadonlySet<ErrorCode> = new Set([
  'APISERVER_FORBIDDEN',
  'APISERVER_FAILED',
  'APISERVER_MALFORMED',
]);

interface Fault {
  readonly error: KubeSpliceError;
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
  readonly #faults = new Map<Part, Fault>();
  readonly #answered = new Set<Part>();
  readonly #told = new Set<string>();
  #since: number;

  constructor(options: ServerConditionOptions) {
    this.#options = options;
    this.#since = options.now();
  }

  /** A try for this part failed. */
  failed(part: Part, error: KubeSpliceError): void {
    const wasConnected = this.isConnected;
    this.#faults.set(part, { error, isMinor: part === 'node' });
    if (wasConnected && !this.isConnected) this.#since = this.#options.now();
    this.#tell();
  }

  /** The server answered for this part as it should. */
  answered(part: Part): void {
    const { logger, server, now } = this.#options;
    const wasConnected = this.isConnected;
    const wasEver = this.#answered.size > 0;
    this.#answered.add(part);
    this.#faults.delete(part);
    if (!wasConnected && this.isConnected) {
      // The clock may have been set back.
      const afterSeconds = Math.max(0, Math.round((now() - this.#since) / 1000));
      this.#since = now();
      if (wasEver) logger.info('the API server answers again', { server, afterSeconds });
      else logger.info('the API server answers', { server });
    }
    this.#tell();
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
    const lines = new Map<string, string>();
    for (const { error } of this.#faults.values()) {
      const line = lineOf(error);
      lines.set(OF_ONE_RESOURCE.has(error.code) ? line : error.code, line);
    }
    return [...lines.values()];
  }

  /**
   * Tells what is new, of each code one line: who may read nothing is told so once, and one remedy is for all of it. A
   * minor fault is told only where there is no other.
   */
  #tell(): void {
    const { logger, server } = this.#options;
    const faults = [...this.#faults.values()];
    const keys = new Set(faults.map(keyOf));
    for (const key of this.#told) if (!keys.has(key)) this.#told.delete(key);
    for (const fault of faults) {
      const { error, isMinor } = fault;
      if (this.#told.has(keyOf(fault)) || (isMinor && !this.#isWorthTelling(error))) continue;
      this.#told.add(keyOf(fault));
      logger.warn(lineOf(error), { server, remedy: error.remedy });
    }
  }

  /** The server itself is told of by who asks for more than nodes: those are only asked for again a little later. */
  #isWorthTelling({ code }: KubeSpliceError): boolean {
    return this.isConnected && OF_ONE_RESOURCE.has(code);
  }
}

function keyOf({ error, isMinor }: Fault): string {
  return isMinor ? `${error.code} minor` : error.code;
}

function lineOf({ code, message }: KubeSpliceError): string {
  return `${code}: ${message}`;
}

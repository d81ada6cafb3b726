import type { Logger } from '../../host/log.js';
import { KubeSpliceError } from '../../model/errors.js';

/** What is wrong with a snapshot now, told once for each reason: a full disk is tried again every few seconds. */
export class SnapshotTroubles {
  readonly #path: string;
  readonly #logger: Logger;
  #unreadable: KubeSpliceError | undefined;
  #unwritable: KubeSpliceError | undefined;
  /** Since it could be written last. */
  readonly #told = new Set<string>();

  constructor(path: string, logger: Logger) {
    this.#path = path;
    this.#logger = logger;
  }

  /** Each as one line of text with its code before it. */
  get lines(): readonly string[] {
    return [this.#unreadable, this.#unwritable].flatMap((error) =>
      error === undefined ? [] : [`${error.code}: ${error.message}`],
    );
  }

  /** It could not be read: so until the next one is written. */
  unreadable(error: unknown): void {
    this.#unreadable = this.#tell('SNAPSHOT_UNREADABLE', error);
  }

  /** It could not be written: so until one can. */
  unwritable(error: unknown): void {
    this.#unwritable = this.#tell('SNAPSHOT_UNWRITABLE', error);
  }

  /** It has been written. */
  saved(): void {
    if (this.#unwritable !== undefined) this.#logger.info(`${this.#path}: can be written again`);
    this.#unreadable = undefined;
    this.#unwritable = undefined;
    this.#told.clear();
  }

  #tell(code: 'SNAPSHOT_UNREADABLE' | 'SNAPSHOT_UNWRITABLE', error: unknown): KubeSpliceError {
    const known =
      error instanceof KubeSpliceError ? error : new KubeSpliceError(code, `${this.#path}: ${String(error)}`);
    const { message, remedy } = known;
    if (!this.#told.has(message)) this.#logger.error(`${known.code}: ${message}`, { remedy });
    this.#told.add(message);
    return known;
  }
}

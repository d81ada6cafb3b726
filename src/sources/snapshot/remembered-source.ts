import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Logger } from '../../host/log.js';
import type { ServicePortVerdicts } from '../../model/endpoint-verdicts.js';
import { printable } from '../../model/printable.js';
import type { ServicePortName } from '../../model/service-port.js';
import type { ServiceState } from '../../model/service-state.js';
import type { ServiceSource, SourceStatus } from '../source.js';
import { readSnapshot, type Snapshot } from './read-snapshot.js';
import { type SnapshotIdentity, snapshotChunks } from './snapshot-lines.js';
import { type SavingPace, SnapshotSaver } from './snapshot-saver.js';
import { SnapshotTroubles } from './snapshot-troubles.js';
import { writeSnapshot } from './write-snapshot.js';

export interface RememberedSourceOptions extends Partial<SavingPace> {
  /** Whose states are remembered. */
  readonly inner: ServiceSource;
  /** Where, `--state-dir`: made where it is missing, for this user alone. */
  readonly directory: string;
  /** A snapshot of another API server, or for another node, is not used. */
  readonly identity: SnapshotIdentity;
  readonly logger: Logger;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** Milliseconds that only ever grow, from any beginning. */
  readonly elapsed?: () => number;
  /** A snapshot of another user than this one or root is not used. */
  readonly userId?: number;
}

/** The file in the directory. */
const SNAPSHOT_NAME = 'services.jsonl';

const PACE: SavingPace = { delayMs: 1_000, intervalMs: 10_000, stopMs: 3_000 };

/**
 * Remembers on disk what another source delivers, so that a restart while that one is silent still serves.
 *
 * ```
 *   disk ──snapshot, once──▶ deliver ◀──every state── inner
 *     ▲                                                 │
 *     └──────────── the newest, now and then ───────────┘
 * ```
 *
 * What was read from disk is served until the inner source has delivered, never after that, and never saved again.
 * Nothing that is wrong with the disk reaches the traffic: it is logged once, shown in the status, and tried again.
 */
export class RememberedSource implements ServiceSource {
  readonly #inner: ServiceSource;
  readonly #path: string;
  readonly #identity: SnapshotIdentity;
  readonly #logger: Logger;
  readonly #now: () => number;
  readonly #userId: number;
  readonly #saver: SnapshotSaver;
  readonly #troubles: SnapshotTroubles;
  readonly #reading = new AbortController();
  #recalling: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;
  /** What is in the file, and since when; `undefined` where there is none that may be used. */
  #stored: { readonly servicePorts: number; readonly savedAt: number } | undefined;
  #isStale = false;

  constructor({ inner, directory, identity, logger, ...options }: RememberedSourceOptions) {
    this.#inner = inner;
    this.#path = join(directory, SNAPSHOT_NAME);
    this.#identity = identity;
    this.#logger = logger;
    this.#now = options.now ?? Date.now;
    this.#userId = options.userId ?? process.geteuid?.() ?? 0;
    this.#troubles = new SnapshotTroubles(this.#path, logger);
    this.#saver = new SnapshotSaver({
      ...PACE,
      ...options,
      now: options.elapsed ?? (() => performance.now()),
      save: (state, signal) => this.#save(state, signal),
      failed: (error) => this.#troubles.unwritable(error),
    });
  }

  /**
   * Delivers the snapshot, if there is one and the inner source was not quicker; then whatever that one delivers.
   *
   * @throws whatever the inner source throws at its start.
   */
  async start(deliver: (state: ServiceState) => void): Promise<void> {
    this.#recalling = this.#recall(deliver);
    try {
      await this.#inner.start((state) => this.#take(state, deliver));
    } catch (error) {
      this.#reading.abort();
      throw error;
    } finally {
      await this.#recalling;
    }
  }

  /** Saves what is not saved yet, for three seconds at most. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  reload(): Promise<readonly string[]> {
    return this.#inner.reload();
  }

  verdicts(name: ServicePortName): ServicePortVerdicts | null {
    return this.#isStale ? null : this.#inner.verdicts(name);
  }

  status(): readonly SourceStatus[] {
    return [
      ...this.#inner.status(),
      {
        kind: 'snapshot',
        location: this.#path,
        objects: this.#stored?.servicePorts ?? 0,
        stale: this.#isStale,
        connected: null,
        connectionChangedAt: null,
        endpointApi: null,
        savedAt: this.#stored?.savedAt ?? null,
        errors: this.#troubles.lines,
      },
    ];
  }

  async #stop(): Promise<void> {
    this.#reading.abort();
    await Promise.all([this.#recalling, this.#inner.stop()]);
    await this.#saver.stop();
  }

  async #recall(deliver: (state: ServiceState) => void): Promise<void> {
    const snapshot = await this.#read();
    if (snapshot === undefined || this.#reading.signal.aborted) return;
    const { header, state } = snapshot;
    this.#stored = { servicePorts: state.servicePorts.size, savedAt: Date.parse(header.savedAt) };
    this.#isStale = true;
    this.#logger.info('serving the last known state until the API server has answered', {
      path: this.#path,
      savedAt: header.savedAt,
      servicePorts: state.servicePorts.size,
    });
    deliver(state);
  }

  /** The snapshot, where there is one that may be used. */
  async #read(): Promise<Snapshot | undefined> {
    const { signal } = this.#reading;
    try {
      const snapshot = await readSnapshot(this.#path, { signal, userId: this.#userId });
      const reason = snapshot === undefined ? undefined : this.#foreignness(snapshot.header);
      if (reason === undefined) return snapshot;
      this.#logger.warn(
        `${this.#path}: ${reason}; it is not used, and replaced when the next state is saved`,
      );
    } catch (error) {
      if (!signal.aborted) this.#troubles.unreadable(error);
    }
    return undefined;
  }

  /** Whose else the snapshot is; `undefined` where it is ours. */
  #foreignness({ server, nodeName }: SnapshotIdentity): string | undefined {
    const own = this.#identity;
    if (server !== own.server) return `it is of another API server, ${printable(server)}`;
    if (nodeName !== own.nodeName)
      return `it is for another node, ${printable(nodeName ?? 'without a name')}`;
    return undefined;
  }

  #take(state: ServiceState, deliver: (state: ServiceState) => void): void {
    this.#reading.abort();
    if (this.#isStale) this.#logger.info('the API server has answered: the last known state is replaced');
    this.#isStale = false;
    deliver(state);
    this.#saver.offer(state);
  }

  async #save(state: ServiceState, signal: AbortSignal): Promise<void> {
    const savedAt = this.#now();
    const header = { ...this.#identity, savedAt: new Date(savedAt).toISOString() };
    await writeSnapshot(this.#path, snapshotChunks(header, state), {
      signal,
      now: this.#now,
      uniqueName: randomUUID,
    });
    this.#stored = { servicePorts: state.servicePorts.size, savedAt };
    this.#troubles.saved();
    this.#logger.detail(2, 'saved the state', { path: this.#path, servicePorts: state.servicePorts.size });
  }
}

import { access, constants } from 'node:fs/promises';
import type { Logger } from '../../host/log.js';
import type { ServicePortVerdicts } from '../../model/endpoint-verdicts.js';
import { KubeSpliceError, systemErrorCode } from '../../model/errors.js';
import type { NodeTopology } from '../../model/node.js';
import { ServiceCatalog } from '../../model/service-catalog.js';
import type { ServicePortName } from '../../model/service-port.js';
import type { ServiceState } from '../../model/service-state.js';
import type { ServiceSource, SourceStatus } from '../source.js';
import { DirectoryWatches, mergeNames, type WatchDirectory, watchDirectory } from './directory-watches.js';
import { lookAt, unreadable } from './file-look.js';
import type { ManifestFile, UpdateOutcome } from './manifest-file.js';
import { ManifestPath } from './manifest-path.js';
import { type ManifestProblem, problemText } from './manifest-problem.js';
import { type MergedManifests, mergeManifests } from './merge-manifests.js';
import { logProblems, problemLines } from './problem-log.js';
import { Rest } from './rest.js';
import { SETTLE_MS } from './settling.js';
import { TimeSlice } from './time-slice.js';

export interface ManifestsSourceOptions {
  /** Files and directories; of an object that is in several, that of the first is used. */
  readonly paths: readonly string[];
  readonly logger: Logger;
  /** Where this proxy runs; without it no endpoint is local, and no zone hint is followed. */
  readonly node?: NodeTopology;
  /** Milliseconds that only ever grow, from any beginning. */
  readonly now?: () => number;
  readonly watchDirectory?: WatchDirectory;
}

type UpdateOutcomes = ReadonlySet<UpdateOutcome>;

/** After a change that may go on: with a little more than the time to settle it is over at the next look. */
const LOOK_AGAIN_MS = SETTLE_MS + 5;
/** The longest time between two looks, in milliseconds: what no watch tells of (network file systems) is found so. */
const RESCAN_MS = 2_000;
/** The same where a directory cannot be watched. */
const POLL_MS = 250;
/** The shortest time between two looks, however busy a watched directory is. */
const GAP_MS = 10;
/** The longest time that files which do not settle hold up the start, or a reload. */
const START_MS = 2_000;

/**
 * Services and endpoints declared in files. A change is in force about 60 ms after the last write to the file.
 *
 * Level-triggered: whatever happens to a file, the next look finds what is there now; a watch only makes it happen at
 * once. What cannot be read, or has errors, is reported once, and its last good state is served on.
 */
export class ManifestsSource implements ServiceSource {
  readonly #paths: readonly ManifestPath[];
  readonly #logger: Logger;
  readonly #now: () => number;
  readonly #watches: DirectoryWatches;
  readonly #rest = new Rest();
  readonly #stopping = new AbortController();
  readonly #catalog: ServiceCatalog;
  #deliver: (state: ServiceState) => void = () => undefined;
  #state: ServiceState | undefined;
  #duplicates: ReadonlyMap<string, readonly ManifestProblem[]> = new Map();
  #working: Promise<unknown> | undefined;
  /** Whom to tell that everything has been read anew. */
  #reloads: (() => void)[] = [];

  constructor({ paths, logger, now = () => performance.now(), ...options }: ManifestsSourceOptions) {
    this.#paths = paths.map((path) => new ManifestPath(path, logger));
    this.#logger = logger;
    this.#now = now;
    this.#catalog = new ServiceCatalog(options.node);
    this.#watches = new DirectoryWatches(
      options.watchDirectory ?? watchDirectory,
      () => this.#rest.end(),
      (directory, error) => this.#tellUnwatched(directory, error),
    );
  }

  /**
   * @throws KubeSpliceError `MANIFEST_UNREADABLE` or `MANIFEST_TOO_LARGE` where a path cannot be read at all. What is
   *   wrong inside of a file, or with one in a directory, is logged, and all else is delivered.
   */
  async start(deliver: (state: ServiceState) => void): Promise<void> {
    this.#deliver = deliver;
    const starting = this.#settleFirst();
    this.#working = starting;
    const outcomes = await starting;
    if (this.#isStopped) return;
    this.#deliverState();
    this.#working = this.#watch(outcomes);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#rest.end();
    // What went wrong has been told already: to the caller of `start`, or as a rejection that nobody handled.
    await this.#working?.catch(() => undefined);
    this.#watches.close();
  }

  /** Reads every file again, also one that looks as it did: a network file system may not tell. */
  async reload(): Promise<readonly string[]> {
    if (this.#isStopped) return [];
    for (const path of this.#paths) path.reread();
    let timer: NodeJS.Timeout | undefined;
    const reread = new Promise<void>((resolve) => {
      this.#reloads.push(resolve);
      timer = setTimeout(resolve, START_MS);
      this.#stopping.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    this.#rest.end();
    await reread;
    clearTimeout(timer);
    return this.#paths.map(({ path, files }) => `${path} (${filesAndObjects(files)})`);
  }

  verdicts(name: ServicePortName): ServicePortVerdicts | null {
    return this.#catalog.verdicts(name);
  }

  status(): readonly SourceStatus[] {
    return this.#paths.map(({ path, files, unreadable: problem }) => ({
      kind: 'manifests',
      location: path,
      objects: files.reduce((sum, { objects }) => sum + objects.length, 0),
      stale: false,
      connected: null,
      connectionChangedAt: null,
      endpointApi: null,
      savedAt: null,
      errors: [
        ...problemLines(path, problem === undefined ? [] : [problem]),
        ...files.flatMap((file) =>
          problemLines(file.path, [...file.problems, ...(this.#duplicates.get(file.path) ?? [])]),
        ),
      ],
    }));
  }

  get #isStopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #settleFirst(): Promise<UpdateOutcomes> {
    for (const { path } of this.#paths) await assertReadable(path);
    const end = this.#now() + START_MS;
    let outcomes = await this.#update();
    while (outcomes.has('unsettled') && this.#now() < end) {
      await this.#rest.for(LOOK_AGAIN_MS, GAP_MS);
      outcomes = await this.#update();
    }
    return outcomes;
  }

  async #watch(first: UpdateOutcomes): Promise<void> {
    let outcomes = first;
    while (!this.#isStopped) {
      const longest = this.#watches.isComplete ? RESCAN_MS : POLL_MS;
      await this.#rest.for(outcomes.has('unsettled') ? LOOK_AGAIN_MS : longest, GAP_MS);
      // One that is asked for during the update waits for the next.
      const reloads = this.#reloads.splice(0);
      outcomes = await this.#update();
      if (outcomes.has('changed') && !this.#isStopped) this.#deliverState();
      if (outcomes.has('unsettled')) this.#reloads.push(...reloads);
      else for (const reloaded of reloads) reloaded();
    }
  }

  /** Looks at everything once. */
  async #update(): Promise<UpdateOutcomes> {
    const outcomes = new Set<UpdateOutcome>();
    const claimed = new Set<string>();
    const slice = new TimeSlice(this.#now, this.#stopping.signal);
    try {
      for (const path of this.#paths)
        for (const outcome of await path.update(this.#now, claimed, slice)) outcomes.add(outcome);
      if (!this.#isStopped) await this.#watches.update(mergeNames(this.#paths.map(({ watched }) => watched)));
    } catch (error) {
      if (!this.#isStopped) throw error;
    }
    return outcomes;
  }

  #deliverState(): void {
    const { services, slices, duplicates } = mergeManifests(this.#paths.flatMap(({ files }) => files));
    this.#tellDuplicates(duplicates);
    this.#catalog.replaceServices(services);
    this.#catalog.replaceSlices(slices);
    const state = this.#catalog.state();
    if (state === this.#state) return;
    this.#state = state;
    this.#deliver(state);
  }

  #tellDuplicates(duplicates: MergedManifests['duplicates']): void {
    for (const [path, problems] of duplicates) {
      const known = new Set(this.#duplicates.get(path)?.map(({ text }) => text));
      logProblems(
        this.#logger,
        path,
        problems.filter(({ text }) => !known.has(text)),
      );
    }
    this.#duplicates = duplicates;
  }

  #tellUnwatched(directory: string, error: unknown): void {
    this.#logger.warn(`cannot watch ${directory}; it is looked at every ${POLL_MS} ms instead`, {
      error: systemErrorCode(error) ?? String(error),
    });
  }
}

function filesAndObjects(files: readonly ManifestFile[]): string {
  const objects = files.reduce((sum, file) => sum + file.objects.length, 0);
  const problems = files.reduce((sum, file) => sum + file.problems.length, 0);
  const parts = [counted(files.length, 'file'), counted(objects, 'object')];
  return [...parts, ...(problems === 0 ? [] : [counted(problems, 'problem')])].join(', ');
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

async function assertReadable(path: string): Promise<void> {
  const look = await lookAt(path);
  if ('problem' in look) throw refusal(path, look.problem);
  try {
    await access(path, constants.R_OK);
  } catch (error) {
    throw refusal(path, unreadable(error));
  }
}

function refusal(path: string, problem: ManifestProblem): KubeSpliceError {
  return new KubeSpliceError(problem.code, problemText(path, problem));
}

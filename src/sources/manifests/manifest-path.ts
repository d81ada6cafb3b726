import { resolve } from 'node:path';
import type { Logger } from '../../host/log.js';
import type { WatchedNames } from './directory-watches.js';
import { lookAt } from './file-look.js';
import { listManifests } from './list-manifests.js';
import { ManifestFile, type UpdateOutcome } from './manifest-file.js';
import type { ManifestProblem } from './manifest-problem.js';
import { logProblems } from './problem-log.js';
import { ABSENCE_MS, Settling } from './settling.js';
import type { TimeSlice } from './time-slice.js';

/**
 * A path that the user named, over time: a file, or a directory of them. While the path itself cannot be read, all that
 * was served of it is served on; a file that goes from a directory takes its objects with it.
 */
export class ManifestPath {
  readonly path: string;
  readonly #logger: Logger;
  /** By path, in the order in which the files are listed. */
  #files: ReadonlyMap<string, ManifestFile> = new Map();
  readonly #absence = new Settling();
  /** Of files that were listed and are not any more. */
  readonly #absences = new Map<string, Settling>();
  #unreadable: ManifestProblem | undefined;
  #watched: WatchedNames = new Map();

  constructor(path: string, logger: Logger) {
    this.path = path;
    this.#logger = logger;
  }

  get files(): readonly ManifestFile[] {
    return [...this.#files.values()];
  }

  /** What keeps the path itself from being read; undefined where it has been. */
  get unreadable(): ManifestProblem | undefined {
    return this.#unreadable;
  }

  /** The directories that tell when something changes. */
  get watched(): WatchedNames {
    return this.#watched;
  }

  /** The next update reads every file. */
  reread(): void {
    for (const file of this.#files.values()) file.reread();
  }

  /**
   * Looks again, and reads what has changed and settled.
   *
   * @param now milliseconds, from any beginning.
   * @param claimed absolute paths that are read already, by a path named earlier; those of this one join them.
   * @throws AbortError where the work is not wanted any more.
   */
  async update(
    now: () => number,
    claimed: Set<string>,
    slice: TimeSlice,
  ): Promise<ReadonlySet<UpdateOutcome>> {
    const listing = await listManifests(this.path);
    this.#watched = listing.watched;
    if (listing.state !== 'listed') {
      for (const path of this.#files.keys()) claimed.add(resolve(path));
      if (listing.state === 'absent' && !this.#absence.isSettled('absent', now(), ABSENCE_MS))
        return new Set(['unsettled']);
      this.#tellUnreadable(listing.problem);
      return new Set();
    }
    this.#tellReadable();
    const listed = listing.paths.filter((path) => !claimed.has(resolve(path)));
    for (const path of listed) claimed.add(resolve(path));
    const outcomes = this.#keepFiles(listed, now());
    for (const [file, look] of await this.#looks(listed)) outcomes.add(await file.update(look, now(), slice));
    return outcomes;
  }

  /** Makes the files those that are listed, and those that were until a moment ago. */
  #keepFiles(listed: readonly string[], now: number): Set<UpdateOutcome> {
    const outcomes = new Set<UpdateOutcome>();
    for (const path of listed) this.#absences.delete(path);
    const present = new Set(listed);
    const kept = [...this.#files.keys()].filter((path) => {
      if (present.has(path)) return false;
      const hasGone = this.#hasGone(path, now);
      outcomes.add(hasGone ? 'changed' : 'unsettled');
      if (hasGone) this.#absences.delete(path);
      return !hasGone;
    });
    const paths = kept.length === 0 ? listed : [...listed, ...kept].sort();
    this.#files = new Map(
      paths.map((path) => [path, this.#files.get(path) ?? new ManifestFile(path, this.#logger)]),
    );
    return outcomes;
  }

  async #looks(listed: readonly string[]) {
    const files = listed.flatMap((path) => this.#files.get(path) ?? []);
    return Promise.all(files.map(async (file) => [file, await lookAt(file.path)] as const));
  }

  #hasGone(path: string, now: number): boolean {
    const absence = this.#absences.get(path) ?? new Settling();
    this.#absences.set(path, absence);
    return absence.isSettled('absent', now, ABSENCE_MS);
  }

  #tellUnreadable(problem: ManifestProblem): void {
    if (problem.text !== this.#unreadable?.text) logProblems(this.#logger, this.path, [problem]);
    this.#unreadable = problem;
  }

  #tellReadable(): void {
    this.#absence.forget();
    if (this.#unreadable !== undefined) this.#logger.info(`${this.path}: can be read again`);
    this.#unreadable = undefined;
  }
}

import { createHash } from 'node:crypto';
import type { Logger } from '../../host/log.js';
import { decodeText } from './decode-text.js';
import { type FileLook, readLooked } from './file-look.js';
import { type Findings, type ManifestObject, NOTHING } from './manifest-object.js';
import { fileProblem, type ManifestProblem } from './manifest-problem.js';
import { ManifestText } from './manifest-text.js';
import { logProblems, logRemarks } from './problem-log.js';
import { ABSENCE_MS, SETTLE_MS, Settling } from './settling.js';
import type { TimeSlice } from './time-slice.js';

/** What came of an update: `unsettled` asks for another one soon. */
export type UpdateOutcome = 'same' | 'changed' | 'unsettled';

/**
 * One manifest file over time: what of it is served, and what is wrong with it. While anything is wrong its last good
 * state is served; where there never was one, the objects that are sound.
 */
export class ManifestFile {
  readonly path: string;
  readonly #logger: Logger;
  readonly #text = new ManifestText();
  readonly #settling = new Settling();
  #loaded: { readonly fingerprint: string; readonly digest: string } | undefined;
  #objects: readonly ManifestObject[] = [];
  #hasGoodState = false;
  /** Of its content. */
  #problems: readonly ManifestProblem[] = [];
  /** That it cannot be read at all. */
  #unreadable: ManifestProblem | undefined;

  constructor(path: string, logger: Logger) {
    this.path = path;
    this.#logger = logger;
  }

  /** What is served of it. */
  get objects(): readonly ManifestObject[] {
    return this.#objects;
  }

  /** What is wrong with it now. */
  get problems(): readonly ManifestProblem[] {
    return this.#unreadable === undefined ? this.#problems : [this.#unreadable, ...this.#problems];
  }

  /** What keeps it from being read; undefined where it has been. */
  get unreadable(): ManifestProblem | undefined {
    return this.#unreadable;
  }

  /** The next update reads it, whatever its look. */
  reread(): void {
    if (this.#loaded !== undefined) this.#loaded = { ...this.#loaded, fingerprint: NEVER_LOOKED };
  }

  /**
   * Takes note of what a look showed, and reads the file once it has settled.
   *
   * @param now when the look was, in milliseconds.
   * @throws AbortError where the work is not wanted any more.
   */
  async update(look: FileLook, now: number, slice: TimeSlice): Promise<UpdateOutcome> {
    if (look.state === 'file') return this.#updateFrom(look.fingerprint, now, slice);
    // A file that is replaced is away for a moment.
    if (look.state === 'absent' && !this.#settling.isSettled('absent', now, ABSENCE_MS)) return 'unsettled';
    this.#tellUnreadable(look.state === 'directory' ? IS_DIRECTORY : look.problem);
    return 'same';
  }

  async #updateFrom(fingerprint: string, now: number, slice: TimeSlice): Promise<UpdateOutcome> {
    if (fingerprint === this.#loaded?.fingerprint) {
      this.#settling.forget();
      this.#tellReadable();
      return 'same';
    }
    if (!this.#settling.isSettled(fingerprint, now, SETTLE_MS)) return 'unsettled';
    const read = await readLooked(this.path, fingerprint);
    if (read === undefined) return 'unsettled';
    if ('problem' in read) {
      this.#tellUnreadable(read.problem);
      return 'same';
    }
    this.#tellReadable();
    const digest = createHash('sha256').update(read.bytes).digest('base64');
    const isSame = digest === this.#loaded?.digest;
    if (!isSame) this.#serve(await this.#findingsOf(read.bytes, slice));
    this.#loaded = { fingerprint, digest };
    return isSame ? 'same' : 'changed';
  }

  async #findingsOf(bytes: Buffer, slice: TimeSlice): Promise<Findings> {
    const decoded = decodeText(bytes);
    if ('text' in decoded) return this.#text.read(decoded.text, slice);
    const { problem: text, line } = decoded;
    return { ...NOTHING, problems: [{ code: 'MANIFEST_SYNTAX', line, text, object: null }] };
  }

  #serve({ objects, problems, remarks }: Findings): void {
    const isSound = problems.length === 0;
    if (isSound && this.#problems.length > 0) this.#logger.info(`${this.path}: is sound again`);
    if (isSound || !this.#hasGoodState) this.#objects = objects;
    this.#hasGoodState ||= isSound;
    this.#problems = problems;
    logProblems(this.#logger, this.path, problems);
    logRemarks(this.#logger, this.path, remarks);
    this.#logger.detail(2, `${this.path}: read`, { objects: objects.length, served: this.#objects.length });
  }

  #tellUnreadable(problem: ManifestProblem): void {
    if (problem.text !== this.#unreadable?.text) logProblems(this.#logger, this.path, [problem]);
    this.#unreadable = problem;
  }

  #tellReadable(): void {
    if (this.#unreadable !== undefined) this.#logger.info(`${this.path}: can be read again`);
    this.#unreadable = undefined;
  }
}

/** No file's fingerprint. */
const NEVER_LOOKED = '';

const IS_DIRECTORY = fileProblem(
  'MANIFEST_UNREADABLE',
  'cannot be read: it is a directory, and those inside of a manifest directory are not looked into',
);

import type { Logger } from '../../host/log.js';
import type { Findings } from './manifest-object.js';
import { type ManifestProblem, problemText } from './manifest-problem.js';

/** Problems of one file that are told one by one; a file with more has one thing wrong, many times. */
const PROBLEMS_TOLD = 20;

/** The problems of a file, as many as are told, each as one line of text with its code before it. */
export function problemLines(path: string, problems: readonly ManifestProblem[]): string[] {
  const lines = problems.slice(0, PROBLEMS_TOLD).map((found) => `${found.code}: ${problemText(path, found)}`);
  const more = problems.length - PROBLEMS_TOLD;
  return more > 0 ? [...lines, `${path}: ${more} more problems like these`] : lines;
}

/** Logs the problems of a file, an error each. */
export function logProblems(logger: Logger, path: string, problems: readonly ManifestProblem[]): void {
  for (const problem of problems.slice(0, PROBLEMS_TOLD)) {
    const { code, object } = problem;
    logger.error(problemText(path, problem), object === null ? { code } : { code, object });
  }
  const more = problems.length - PROBLEMS_TOLD;
  if (more > 0) logger.error(`${path}: more problems like these`, { more });
}

/** Logs what is no error, for those who want to know. */
export function logRemarks(logger: Logger, path: string, remarks: Findings['remarks']): void {
  for (const { level, text } of remarks) logger.detail(level, `${path}: ${text}`);
}

import { readFileSync } from 'node:fs';

/** What a system gives a process that nobody told otherwise: macOS has the lowest, 256. */
const SAFE_GUESS = 256;

const OPEN_FILES = /^Max open files\s+(\d+|unlimited)\s/m;

/**
 * How many file descriptors this process may have open; `Infinity` where it is not limited. Node raises its soft
 * limit to the hard one when it starts, so this is what the service unit or `ulimit -n` allowed it.
 */
export function openFileLimit(): number {
  return limitOfProc() ?? limitOfReport() ?? SAFE_GUESS;
}

/** The soft limit in the text of `/proc/<pid>/limits` (proc(5)); `undefined` where it is not in there. */
export function parseOpenFileLimit(limits: string): number | undefined {
  const [, soft] = OPEN_FILES.exec(limits) ?? [];
  if (soft === undefined) return undefined;
  return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
}

/** The soft limit in a diagnostic report of Node; `undefined` where it is not in there. */
export function openFileLimitOfReport(report: unknown): number | undefined {
  const soft = property(property(property(report, 'userLimits'), 'open_files'), 'soft');
  if (soft === 'unlimited') return Number.POSITIVE_INFINITY;
  const limit = typeof soft === 'string' || typeof soft === 'number' ? Number(soft) : Number.NaN;
  return Number.isInteger(limit) && limit >= 0 ? limit : undefined;
}

function limitOfProc(): number | undefined {
  try {
    return parseOpenFileLimit(readFileSync('/proc/self/limits', 'utf8'));
  } catch {
    return undefined; // No Linux, or no /proc.
  }
}

function limitOfReport(): number | undefined {
  const report: unknown = process.report?.getReport();
  return openFileLimitOfReport(report);
}

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

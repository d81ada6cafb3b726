import { readdirSync } from 'node:fs';
import { openFileLimit } from './open-file-limit.js';

/** What this process takes of the machine now. */
export interface ProcessUsage {
  /** File descriptors that are open; null where the system does not tell. */
  readonly openFiles: number | null;
  /** `Infinity` where there is no limit. */
  readonly openFileLimit: number;
  /** In memory (`rss` of getrusage(2)), and of that what JavaScript's objects take. */
  readonly residentBytes: number;
  readonly heapBytes: number;
}

const DESCRIPTORS = '/proc/self/fd';

export function processUsage(): ProcessUsage {
  const { rss, heapUsed } = process.memoryUsage();
  return {
    openFiles: openFiles(),
    openFileLimit: openFileLimit(),
    residentBytes: rss,
    heapBytes: heapUsed,
  };
}

/** One for each entry, less the one that reads them (proc(5)). */
function openFiles(): number | null {
  try {
    return readdirSync(DESCRIPTORS).length - 1;
  } catch {
    return null;
  }
}

import { closeSync, openSync } from 'node:fs';

/** The terminal that controls this process, wherever its streams lead (tty(4)). */
const CONTROLLING_TERMINAL = '/dev/tty';

/** Whether this process has a controlling terminal: one that was closed controls nobody any more. */
export function hasTerminal(path = CONTROLLING_TERMINAL): boolean {
  try {
    closeSync(openSync(path, 'r'));
    return true;
  } catch {
    return false;
  }
}

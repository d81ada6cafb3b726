import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const DESCRIPTORS = '/proc/self/fd';

/** How many sockets this process holds open; 0 where the system does not tell (it is not Linux). */
export function openSockets(): number {
  let names: string[];
  try {
    names = readdirSync(DESCRIPTORS);
  } catch {
    return 0;
  }
  return names.filter(isSocket).length;
}

/** How many files this process may have open; no limit where the system does not tell. */
export function openFileLimit(): number {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
    return Number(soft?.[1] ?? Number.POSITIVE_INFINITY);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

function isSocket(name: string): boolean {
  try {
    return readlinkSync(`${DESCRIPTORS}/${name}`).startsWith('socket:');
  } catch {
    // Closed since the directory was read.
    return false;
  }
}

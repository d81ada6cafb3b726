import { setTimeout as sleep } from 'node:timers/promises';
import { readCpu } from './proc.js';

/** Long enough that ticks of 10 ms tell a twentieth of a core. */
const WATCHED_MS = 400;

/** Of one core: more than this beside the bench, and figures of one round differ from those of the next. */
const LITTLE = 0.1;

/** How many cores are busy while the bench itself waits; null where the system does not tell. */
export async function otherWork(): Promise<number | null> {
  const begin = performance.now();
  const before = readCpu([]).machineMs;
  await sleep(WATCHED_MS);
  const after = readCpu([]).machineMs;
  return before === null || after === null ? null : (after - before) / (performance.now() - begin);
}

/** What is said about it; nothing where there is little. @param busy cores, before and after the measurements. */
export function otherWorkNotes(busy: readonly (number | null)[]): readonly string[] {
  const most = Math.max(0, ...busy.map((cores) => cores ?? 0));
  return most <= LITTLE
    ? []
    : [
        `Other programs kept ${most.toFixed(1)} cores of this machine busy: no figure of this run should be relied on, least of all rates and the CPU of the whole machine.`,
      ];
}

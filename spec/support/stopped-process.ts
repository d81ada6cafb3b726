import { readdirSync, readFileSync } from 'node:fs';
import { expect, onTestFinished } from 'vitest';
import { eventually } from './deadline.js';

/**
 * Stops every thread of a process, so that what is sent to it meanwhile is there all at once when it goes on. Resolves when
 * they stand, with the way to make them go on; the end of the test does so, too. An engine of this process has no pid: it
 * stands anyway as long as the spec doesn't wait.
 */
export async function stopProcess(pid: number | undefined): Promise<() => void> {
  if (pid === undefined) return () => undefined;
  const goOn = (): void => void process.kill(pid, 'SIGCONT');
  onTestFinished(() => {
    try {
      goOn();
    } catch {
      // It has ended.
    }
  });
  process.kill(pid, 'SIGSTOP');
  await eventually(() => expect(new Set(threadStates(pid))).toEqual(new Set(['T'])));
  return goOn;
}

/** One letter for each thread: `T` is stopped (proc(5), /proc/pid/stat). */
function threadStates(pid: number): string[] {
  const tasks = `/proc/${pid}/task`;
  return readdirSync(tasks).map((thread) => {
    const stat = readFileSync(`${tasks}/${thread}/stat`, 'utf8');
    // The name before it may have anything in it.
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
  });
}

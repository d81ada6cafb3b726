import { readFileSync } from 'node:fs';

/** One clock tick in ms: Linux counts in hundredths of a second wherever Node runs (`USER_HZ`, time(7)). */
const TICK_MS = 10;

/** The processor time of a process since its start, ms, of all its threads: `utime` and `stime` of proc_pid_stat(5). */
export function cpuMsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field is the program's name in parentheses, and may hold spaces: what follows begins with the third.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

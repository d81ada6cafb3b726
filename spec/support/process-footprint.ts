import { readdirSync, readFileSync } from 'node:fs';

/** `VmRSS` (proc_pid_status(5)). */
export function residentBytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(kilobytes?.[1] ?? Number.NaN) * 1024;
}

/** Files that a process has open. */
export function filesOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

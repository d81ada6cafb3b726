import { readdirSync, readFileSync } from 'node:fs';

/** `USER_HZ`: what the kernel counts CPU time in for proc(5). 100 on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;
const MS_PER_TICK = 1000 / TICKS_PER_SECOND;

/** CPU time used so far, ms. Null where there is no /proc to tell. */
export interface CpuReading {
  /** User and system time of the processes asked for, all their threads. */
  readonly processesMs: number | null;
  /** Every core of the machine, whatever it did, interrupts included. */
  readonly machineMs: number | null;
}

/** Reads what `/proc` tells now. @throws the system's error where a process is gone. */
export function readCpu(pids: readonly number[]): CpuReading {
  if (process.platform !== 'linux') return { processesMs: null, machineMs: null };
  return {
    processesMs: pids.length === 0 ? null : pids.reduce((sum, pid) => sum + processMs(pid), 0),
    machineMs: busyTicks(readFileSync('/proc/stat', 'utf8')) * MS_PER_TICK,
  };
}

/** In nanoseconds where the kernel keeps scheduler statistics (`CONFIG_SCHED_INFO`), in ticks of 10 ms elsewhere. */
function processMs(pid: number): number {
  let threads: readonly string[];
  try {
    threads = readdirSync(`/proc/${pid}/task`).map((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8'),
    );
  } catch {
    return processTicks(readFileSync(`/proc/${pid}/stat`, 'utf8')) * MS_PER_TICK;
  }
  return threads.reduce((sum, schedstat) => sum + threadNanoseconds(schedstat), 0) / 1e6;
}

/** Time on a CPU, the first field of `/proc/<pid>/task/<tid>/schedstat`, ns. */
export function threadNanoseconds(schedstat: string): number {
  return Number(schedstat.slice(0, schedstat.indexOf(' ')));
}

/** Processes that this one has started from its first thread and that have not been waited for. */
export function childPids(pid: number): readonly number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return text === '' ? [] : text.split(' ').map(Number);
}

/** Memory that the processes hold now, bytes; pages they share count for each. Null where there is no /proc. */
export function readResidentBytes(pids: readonly number[]): number | null {
  if (process.platform !== 'linux') return null;
  return pids
    .map((pid) => residentBytes(readFileSync(`/proc/${pid}/status`, 'utf8')))
    .reduce((sum, each) => sum + each, 0);
}

/** `utime` and `stime` of `/proc/<pid>/stat`, fields 14 and 15. The name, field 2, may itself hold `)` and spaces. */
export function processTicks(stat: string): number {
  const afterName = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(afterName[11]) + Number(afterName[12]);
}

/** All but `idle`, `iowait` and `steal` of the first line of `/proc/stat`; `user` holds what guests used already. */
export function busyTicks(stat: string): number {
  const [, user, nice, system, , , irq, softirq] = stat.slice(0, stat.indexOf('\n')).split(/ +/);
  return [user, nice, system, irq, softirq].reduce((sum, ticks) => sum + Number(ticks), 0);
}

/** `VmRSS` of `/proc/<pid>/status`; 0 for a process that holds nothing, which has no such line. */
export function residentBytes(status: string): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}

/** `VmHWM`: the most that was ever resident, bytes. */
export function peakResidentBytes(status: string): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}

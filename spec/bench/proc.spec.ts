import { describe, expect, it } from 'vitest';
import {
  busyTicks,
  peakResidentBytes,
  processTicks,
  readCpu,
  readResidentBytes,
  residentBytes,
} from '../../bench/proc.js';

describe('processTicks', () => {
  it('are user and system time, whatever the program is called', () => {
    const rest = 'S 1 10 10 0 -1 4194304 1 2 3 4 250 75 5 6 20 0 11 0 99 1000 200';
    expect(processTicks(`10 (node) ${rest}`)).toBe(325);
    expect(processTicks(`10 (a) R 9 (b c) ${rest}`)).toBe(325);
  });
});

describe('busyTicks', () => {
  it('are those of all cores together, but not idle, iowait, steal or what guests used', () => {
    const stat = 'cpu  1 20 300 4000 50000 600000 7000000 80000000 900000000 1\ncpu0 9 9 9 9 9 9 9 9 9 9\n';
    expect(busyTicks(stat)).toBe(1 + 20 + 300 + 600_000 + 7_000_000);
  });
});

describe('residentBytes', () => {
  it('are VmRSS, in bytes', () => {
    expect(residentBytes('VmHWM:\t   900 kB\nVmRSS:\t   512 kB\nRssAnon:\t 1 kB\n')).toBe(512 * 1024);
  });

  it('are none of a process that holds nothing any more', () => {
    expect(residentBytes('Name:\tnode\nState:\tZ (zombie)\n')).toBe(0);
  });
});

describe('peakResidentBytes', () => {
  it('are VmHWM, in bytes', () => {
    expect(peakResidentBytes('VmPeak:\t  1000 kB\nVmHWM:\t   900 kB\nVmRSS:\t   512 kB\n')).toBe(900 * 1024);
  });
});

describe.runIf(process.platform === 'linux')('on Linux, /proc', () => {
  it('tells the CPU that this process uses, and that the machine uses at least as much', () => {
    const before = readCpu([process.pid]);
    const ownBefore = process.cpuUsage();
    for (let own = 0; own < 100_000; own = usedMicroseconds(ownBefore)) Math.sqrt(own);
    const after = readCpu([process.pid]);
    // 100 ms were used, and told in steps of 10 ms.
    expect((after.processesMs ?? 0) - (before.processesMs ?? 0)).toBeGreaterThanOrEqual(80);
    expect(after.machineMs).toBeGreaterThan(before.machineMs ?? Number.POSITIVE_INFINITY);
  });

  it('adds up what several processes hold', () => {
    const one = readResidentBytes([process.pid]) ?? 0;
    expect(one).toBeGreaterThan(1024 * 1024);
    expect(readResidentBytes([process.pid, process.pid])).toBeGreaterThan(one * 1.5);
  });

  it('tells nothing of no process, which is not the same as nothing used', () => {
    expect(readCpu([]).processesMs).toBeNull();
  });
});

function usedMicroseconds(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return user + system;
}

import { describe, expect, it } from 'vitest';
import { goalOutcomes } from '../../../bench/sync/goals.js';
import type { SizeResult } from '../../../bench/sync/size-result.js';
import { syncReportText } from '../../../bench/sync/sync-report.js';

function sizeResult(services: number, changes: Partial<SizeResult> = {}): SizeResult {
  const start = { seconds: 2, cpuSeconds: 1.5, serverCpuSeconds: 0.5, peakBytes: 80e6 };
  return {
    services,
    serviceBytes: 1_490,
    sliceBytes: 4_090,
    starts: [start, { ...start, seconds: 4 }, { ...start, seconds: 3 }],
    memory: { settled: 70e6, changed: 75e6, peak: 81e6 },
    cpuPerChangeMs: 0.9,
    quietMs: [1, 2, 9],
    churnMs: [2, 3, 11],
    connectionMs: [0.5, 0.6, 0.7],
    ...changes,
  };
}

const MACHINE = { cores: 2, system: 'Linux 6.1', node: '20.20.2', cpuTimes: true };

describe('goalOutcomes', () => {
  it('are met where figures are within them', () => {
    const outcomes = goalOutcomes([10, 100, 10_000].map((services) => sizeResult(services)));
    expect(outcomes.map(({ found, met }) => [found, met])).toEqual([
      ['3.00 s', true],
      ['2.00 ms', true],
      ['1.00 times', true],
      ['70.0 MB', true],
      ['75.0 MB', true],
      ['70.0 MB', true],
      ['75.0 MB', true],
    ]);
  });

  it('are missed where they are not', () => {
    const start = { seconds: 10, cpuSeconds: 1, serverCpuSeconds: 1, peakBytes: 1 };
    const many = sizeResult(10_000, {
      starts: [start],
      quietMs: [10],
      memory: { settled: 350e6, changed: 340e6, peak: 360e6 },
    });
    const few = sizeResult(10, { memory: { settled: 80e6, changed: 90e6, peak: 90e6 } });
    const outcomes = goalOutcomes([few, sizeResult(100), many]);
    expect(outcomes.map(({ found, met }) => [found, met])).toEqual([
      ['10.0 s', false],
      ['10.0 ms', false],
      ['5.00 times', false],
      ['350 MB', false],
      ['340 MB', true],
      ['80.0 MB', true],
      ['90.0 MB', false],
    ]);
  });

  it('are those of the sizes that were measured', () => {
    expect(goalOutcomes([sizeResult(100)])).toEqual([]);
    expect(goalOutcomes([sizeResult(10)])).toHaveLength(2);
    expect(goalOutcomes([sizeResult(10_000)])).toHaveLength(4);
  });
});

describe('syncReportText', () => {
  it('has a column for each size, and the goals beside what was found', () => {
    const text = syncReportText({ machine: MACHINE, sizes: [sizeResult(10), sizeResult(10_000)] });
    expect(text).toContain(
      '2 cores, Linux 6.1, Node 20.20.2; medians (and ranges) of 3 starts, 3 changes timed',
    );
    const rows = text.split('\n').map((line) => line.replaceAll(/ +/g, ' '));
    expect(rows).toContain('| Services | 10 | 10,000 |');
    expect(rows).toContain(
      '| start to every portal listening, s | 3.00 (2.00 – 4.00) | 3.00 (2.00 – 4.00) |',
    );
    expect(rows).toContain('| change to effect: p99, ms | 9.00 | 9.00 |');
    expect(rows).toContain('| one connection, nothing changes: median, ms | 0.600 | 0.600 |');
    expect(rows).toContain('| resident memory under 90 MB with 10 Services, at rest | 70.0 MB | met |');
  });

  it('goes without goals where none is set for the sizes', () => {
    const text = syncReportText({ machine: MACHINE, sizes: [sizeResult(50)] });
    expect(text).toContain('A Service has 1,490 bytes');
    expect(text).not.toContain('goal');
  });
});

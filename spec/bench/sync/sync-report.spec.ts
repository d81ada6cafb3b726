import { describe, expect, it } from 'vitest';
import { goalOutcomes, rulesGoalOutcomes } from '../../../bench/sync/goals.js';
import type { SizeResult } from '../../../bench/sync/size-result.js';
import type { PacketFilter } from '../../../bench/sync/steering/packet-filter.js';
import type { RulesResult } from '../../../bench/sync/steering/rules-result.js';
import { CHANGE_KINDS } from '../../../bench/sync/steering/steered-services.js';
import { type SyncResults, syncReportText } from '../../../bench/sync/sync-report.js';

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

function rulesResult(filter: PacketFilter, services: number, ms = 100): RulesResult {
  const write = { probeMs: 20, ms, blockedMs: 7, bareMs: ms / 4 };
  return {
    filter,
    services,
    writes: [write, { ...write, ms: 3 * ms }, { ...write, ms: 2 * ms }],
    changes: CHANGE_KINDS.map((change, index) => ({ change, ms: ms / 10 + index, bareMs: 30, blockedMs: 4 })),
    checks: [{ ms: 80, bareMs: 70, blockedMs: 3 }],
  };
}

const FOUND: SyncResults = {
  machine: { cores: 2, system: 'Linux 6.1', node: '20.20.2', cpuTimes: true, congestionControl: 'cubic' },
  sizes: [],
  rules: [],
  steeredStarts: [],
  leftOut: [],
};

function rowsOf(found: Partial<SyncResults>): readonly string[] {
  return syncReportText({ ...FOUND, ...found })
    .split('\n')
    .map((line) => line.replaceAll(/ +/g, ' '));
}

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

describe('rulesGoalOutcomes', () => {
  it('are met where figures are within them, with what the program first finds out', () => {
    const results = [
      rulesResult('iptables-legacy', 1_000),
      rulesResult('iptables-nft', 10_000, 1_000),
      rulesResult('nftables', 10_000, 500),
    ];
    expect(rulesGoalOutcomes(results).map(({ goal, found, met }) => [goal, found, met])).toEqual([
      ['iptables-legacy: 1,000 Services from nothing in under 0.5 s', '0.220 s', true],
      ['iptables-nft: 10,000 Services from nothing in under 3 s', '2.02 s', true],
      ['iptables-nft: one change among 10,000 in under 300 ms, median', '102 ms', true],
      ['nftables: 10,000 Services from nothing in under 1 s', '1.02 s', false],
      ['nftables: one change among 10,000 in under 60 ms, median', '52.0 ms', true],
    ]);
  });

  it('are missed where they are not', () => {
    const outcomes = rulesGoalOutcomes([
      rulesResult('iptables-nft', 1_000, 240),
      rulesResult('iptables-legacy', 10_000, 3_000),
    ]);
    expect(outcomes.map(({ found, met }) => [found, met])).toEqual([
      ['0.500 s', false],
      ['6.02 s', false],
      ['302 ms', false],
    ]);
  });

  it('are those of the sizes that were measured', () => {
    expect(rulesGoalOutcomes([rulesResult('nftables', 1_000), rulesResult('iptables-nft', 20)])).toEqual([]);
  });
});

describe('syncReportText', () => {
  it('has a column for each size, and the goals beside what was found', () => {
    const rows = rowsOf({ sizes: [sizeResult(10), sizeResult(10_000)] });
    expect(rows[0]).toBe('2 cores, Linux 6.1, Node 20.20.2');
    expect(rows).toContain(
      'The portals: medians (and ranges) of 3 starts, 3 changes timed, alone and beside others',
    );
    expect(rows).toContain('| Services | 10 | 10,000 |');
    expect(rows).toContain(
      '| start to every portal listening, s | 3.00 (2.00 – 4.00) | 3.00 (2.00 – 4.00) |',
    );
    expect(rows).toContain('| change to effect: p99, ms | 9.00 | 9.00 |');
    expect(rows).toContain('| one connection, nothing changes: median, ms | 0.600 | 0.600 |');
    expect(rows).toContain('| resident memory under 90 MB with 10 Services, at rest | 70.0 MB | met |');
  });

  it('goes without goals where none is set for the sizes', () => {
    const text = syncReportText({ ...FOUND, sizes: [sizeResult(50)] });
    expect(text).toContain('A Service has 1,490 bytes');
    expect(text).not.toContain('goal');
  });

  it('has packet rules beside the program that writes them', () => {
    const rows = rowsOf({ rules: [rulesResult('iptables-nft', 50), rulesResult('nftables', 10_000, 40)] });
    expect(rows).toContain(
      'Packet rules alone: medians (and ranges) of 3 writes from nothing, 5 changes, 1 check',
    );
    expect(rows).toContain('| Services | 50, iptables-nft | 10,000, nftables |');
    expect(rows).toContain('| from nothing, s | 0.200 (0.100 – 0.300) | 0.0800 (0.0400 – 0.120) |');
    expect(rows).toContain('| from nothing, that many times the bare program | 8.00 | 8.00 |');
    expect(rows).toContain('| one change: median, ms | 12.0 | 6.00 |');
    expect(rows).toContain('| – Service added: median, ms | 14.0 | 8.00 |');
    expect(rows).toContain('| one change: worst, ms | 14.0 | 8.00 |');
    expect(rows).toContain('| event loop blocked, from nothing: longest, ms | 7.00 | 7.00 |');
    expect(rows).toContain('| nftables: one change among 10,000 in under 60 ms, median | 6.00 ms | met |');
    expect(rows.join()).not.toContain('The portals');
  });

  it('has starts with each --steering in a column', () => {
    const start = { seconds: 2, cpuSeconds: 1.5, serverCpuSeconds: 0.5, peakBytes: 80e6 };
    const starts = [
      { steering: 'none', starts: [start] },
      { steering: 'nftables', starts: [{ ...start, seconds: 2.5 }] },
    ] as const;
    const rows = rowsOf({ steeredStarts: [{ services: 1_000, starts }] });
    expect(rows).toContain('The program that steers: 1 start with each --steering');
    expect(rows).toContain('| Services | none | nftables |');
    expect(rows).toContain('| 1,000: start to ready, s | 2.00 | 2.50 |');
  });

  it('says what was left out, and why', () => {
    expect(rowsOf({ leftOut: ['packet rules need root'] })).toContain('Left out: packet rules need root');
  });
});

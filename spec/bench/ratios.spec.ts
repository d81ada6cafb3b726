import { describe, expect, it } from 'vitest';
import { latencyAt, REQUESTS } from '../../bench/measurements.js';
import type { Measured } from '../../bench/messages.js';
import { latencyTexts, ratioTexts } from '../../bench/ratio-report.js';
import { ratiosOf } from '../../bench/ratios.js';

const window = (peerCpuMs: number | null, done = 1000): Measured => ({
  kind: 'measured',
  done,
  lost: 0,
  seconds: 1,
  peerCpuMs,
  machineCpuMs: 100,
});

const against = (native: readonly Measured[], haproxy: readonly Measured[]) =>
  ratiosOf(
    [
      {
        measurement: REQUESTS,
        peers: [
          { name: 'direct', rounds: native.map(() => window(null)) },
          { name: 'native', rounds: native },
          { name: 'haproxy', rounds: haproxy },
        ],
      },
    ],
    [],
  );

describe('the ratios', () => {
  it('are of CPU for a unit in the same round, with their median, least and most', () => {
    const [ratio, ...others] = against(
      [window(40), window(150), window(125, 2000)],
      [window(80), window(200), window(50)],
    );
    expect(others).toEqual([]);
    const about = (share: number): unknown => expect.closeTo(share, 9);
    expect(ratio?.own).toEqual({ median: about(0.75), min: about(0.5), max: about(1.25) });
    expect(ratio).toMatchObject({ relay: 'native', rival: 'haproxy', goal: 0.88, met: true });
  });

  it('miss a goal that the median is beyond, and meet one that it is at', () => {
    expect(against([window(89)], [window(100)])[0]?.met).toBe(false);
    expect(against([window(88)], [window(100)])[0]?.met).toBe(true);
  });

  it('are not known, and judged by nothing, where a figure is missing or a rival used nothing', () => {
    for (const rival of [null, 0]) {
      expect(against([window(50)], [window(rival)])[0]).toMatchObject({ own: null, met: null });
    }
  });

  it('want memory to be under 512 bytes as well, whatever a rival needs', () => {
    const memory = (bytes: number) =>
      ratiosOf(
        [],
        [
          { peer: 'native', bytesPerConnection: [bytes] },
          { peer: 'haproxy', bytesPerConnection: [10_000] },
        ],
      )[0]?.met;
    expect([memory(511), memory(512)]).toEqual([true, false]);
  });
});

describe('the ratios of latency', () => {
  const rounds = (...p99s: number[]): readonly Measured[] =>
    p99s.map((p99) => ({ ...window(10), latency: { count: 500, p50: 10, p99, p999: 9000 } }));
  const measurements = (direct: readonly Measured[], native: readonly Measured[]) => [
    {
      measurement: latencyAt(1000),
      peers: [
        { name: 'direct', rounds: direct },
        { name: 'native', rounds: native },
        { name: 'haproxy', rounds: rounds(300, 300, 300) },
      ],
    },
  ];

  it("are of what is added to the median of the direct connection's, whatever one round of it was like", () => {
    const found = measurements(rounds(100, 5000, 100), rounds(150, 250, 200));
    const [ratio] = ratiosOf(found, []);
    expect(ratio?.work).toBe('p99 added, requests/s at a steady rate of 1,000');
    expect(ratio).toMatchObject({ own: { median: 0.5, min: 0.25, max: 0.75 }, goal: 1, met: true });
    expect(latencyTexts(found)[0]).toMatch(/native +\| +1,500 \| +10.0 \| +200 \| +9,000 \| +100 \|/);
  });

  it('are of the whole p99 where noise makes less than nothing of what is added, and this is said', () => {
    const ratios = ratiosOf(measurements(rounds(400, 400, 400), rounds(330, 330, 600)), []);
    expect(ratios[0]?.work).toBe('whole p99, requests/s at a steady rate of 1,000');
    expect(ratios[0]).toMatchObject({ own: { median: expect.closeTo(1.1, 9) }, met: false });
    expect(ratioTexts(ratios).join('\n')).toContain('The whole p99 is compared');
  });
});

import type { Latency } from './messages.js';
import { type Ratio, WHOLE_P99 } from './ratios.js';
import { type Spread, spread, spreadIfComplete } from './statistics.js';
import type { MeasurementResult } from './summary.js';
import { figure, table } from './table.js';

const NOT_KNOWN = '–';
const HEAD = ['', 'relay', 'of', 'own share', 'min – max', 'CPU of machine', 'rate', 'goal', ''];

/** The ratios as a table; nothing where no rival ran. */
export function ratioTexts(ratios: readonly Ratio[]): readonly string[] {
  if (ratios.length === 0) return [];
  const rows = ratios.map(({ work, relay, rival, own, machine, rate, goal, met }) => [
    work,
    relay,
    rival,
    median(own),
    own === null ? NOT_KNOWN : `${own.min.toFixed(2)} – ${own.max.toFixed(2)}`,
    median(machine),
    median(rate),
    goal === null ? NOT_KNOWN : `≤ ${goal.toFixed(2)}`,
    met === null ? NOT_KNOWN : met ? 'met' : 'MISSED',
  ]);
  return [
    'Shares of what a rival needs in the same round, medians; less is better, but for the rate. The own share is of CPU for a unit; of bytes for memory; of latency for p99, there of what is added to the median of the direct connection.',
    table(HEAD, rows, 3),
    ...(ratios.some(({ work }) => work.startsWith(WHOLE_P99))
      ? [
          "The whole p99 is compared where the direct connection's was not less in every round: what a relay adds is lost in the noise.",
        ]
      : []),
  ];
}

/** The latencies of each peer in µs, and what it adds to those of the direct connection in the same round. */
export function latencyTexts(measurements: readonly MeasurementResult[]): readonly string[] {
  return measurements
    .filter(({ measurement }) => measurement.name === 'latency')
    .map(({ measurement: { title }, peers }) => {
      const direct = peers.find(({ name }) => name === 'direct')?.rounds ?? [];
      const base = spreadIfComplete(direct.map(({ latency }) => latency?.p99 ?? null));
      const rows = peers.map(({ name, rounds }) => {
        const latencies = rounds.map(({ latency }) => latency);
        const of = (key: keyof Latency): string => {
          const all = spreadIfComplete(latencies.map((latency) => latency?.[key] ?? null));
          return all === null ? NOT_KNOWN : figure(all.median);
        };
        const added = latencies.flatMap((latency) =>
          latency === undefined || base === null ? [] : [latency.p99 - base.median],
        );
        const count = latencies.reduce((sum, latency) => sum + (latency?.count ?? 0), 0);
        return [
          title,
          name,
          count.toLocaleString('en'),
          of('p50'),
          of('p99'),
          of('p999'),
          name === 'direct' || added.length === 0 ? NOT_KNOWN : figure(spread(added).median),
        ];
      });
      return table(['', 'peer', 'requests', 'p50 µs', 'p99 µs', 'p99.9 µs', 'p99 added µs'], rows, 2);
    });
}

function median(spread: Spread | null): string {
  return spread === null ? NOT_KNOWN : spread.median.toFixed(2);
}

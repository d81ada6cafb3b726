import { expect, it } from 'vitest';
import type { RelayProcessFigures } from '../../../src/relay/engine.js';
import { Metrics } from '../../../src/status/metrics/metrics.js';
import { readExposition } from '../../support/exposition.js';
import { aReport, syncProgress } from '../../support/proxy-values.js';

const FIGURES: RelayProcessFigures = {
  pid: 7,
  version: '1',
  cpuSeconds: 1.5,
  residentBytes: 4_096,
  openFiles: 3,
  openFileLimit: 900,
  threads: 3,
  startedAt: 1_700_000_000_500,
};

/** The values of `kubesplice_relay_…`, page by page. */
async function pagesOf(kind: 'portable' | 'native', ...told: readonly (RelayProcessFigures | null)[]) {
  const left = [...told];
  const report = { ...aReport(), relay: { kind, reason: 'asked for' } };
  const metrics = new Metrics(
    async () => report,
    syncProgress,
    async () => left.shift() ?? null,
  );
  const pages: Record<string, number>[] = [];
  while (left.length > 0) {
    const all = [...readExposition((await metrics.page()).body)];
    pages.push(
      Object.fromEntries(
        all.flatMap(([name, { series }]) => {
          const [, figure] = /^kubesplice_relay_(\w+)$/.exec(name) ?? [];
          return figure === undefined ? [] : [...series.values()].map((value) => [figure, value]);
        }),
      ),
    );
  }
  return pages;
}

const SHOWN = {
  up: 1,
  process_cpu_seconds_total: 1.5,
  process_resident_memory_bytes: 4_096,
  process_open_fds: 3,
  process_max_fds: 900,
  process_threads: 3,
  process_start_time_seconds: 1_700_000_000.5,
};

it('a native relay has figures of its process, which are not told while it is away', async () => {
  const grown = { ...FIGURES, cpuSeconds: 2, residentBytes: 0 };
  const { process_resident_memory_bytes: _, ...others } = SHOWN;
  expect(await pagesOf('native', FIGURES, null, grown)).toEqual([
    SHOWN,
    { up: 0 },
    { ...others, process_cpu_seconds_total: 2 },
  ]);
});

it('a relay that is this process has none', async () => {
  expect(await pagesOf('portable', null)).toEqual([{}]);
});

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { REQUESTS } from '../../bench/measurements.js';
import type { Measured } from '../../bench/messages.js';
import { type Results, reportText } from '../../bench/report.js';
import { saveResults } from '../../bench/save.js';

const window = (peerCpuMs: number | null): Measured => ({
  kind: 'measured',
  done: 1000,
  lost: 0,
  seconds: 1,
  peerCpuMs,
  machineCpuMs: 100,
});

const RESULTS: Results = {
  machine: { cores: 2, system: 'Linux 6.1', node: '20.19.0', cpuTimes: true, congestionControl: 'cubic' },
  settings: { rounds: 1, seconds: 1 },
  measurements: [
    {
      measurement: REQUESTS,
      peers: [
        { name: 'direct', rounds: [window(null)] },
        { name: 'native', rounds: [window(40)] },
        { name: 'haproxy', rounds: [window(80)] },
      ],
    },
  ],
  memory: [],
  peers: [],
  failures: [],
  notes: [],
};

it('the results are written as figures with their ratios, as text and as a chart, into a directory that is made', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'kube-splice-bench-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const out = join(directory, 'made', 'here');
  expect(await saveResults({ out }, RESULTS)).toBe(`written: ${out}/latest.json, latest.md and latest.svg`);
  expect((await readdir(out)).toSorted()).toEqual(['latest.json', 'latest.md', 'latest.svg']);
  const read = (name: string) => readFile(join(out, name), 'utf8');
  const written: unknown = JSON.parse(await read('latest.json'));
  expect(written).toMatchObject({
    ...RESULTS,
    ratios: [{ relay: 'native', own: { median: 0.5 }, met: true }],
  });
  expect(await read('latest.md')).toBe(`${reportText(RESULTS)}\n`);
  expect(await read('latest.svg')).toContain('0.50 (goal 0.88)');
});

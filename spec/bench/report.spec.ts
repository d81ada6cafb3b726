import { describe, expect, it } from 'vitest';
import type { Measured } from '../../bench/messages.js';
import { type Results, reportText } from '../../bench/report.js';

const measured = (done: number, peerCpuMs: number | null, lost = 0): Measured => ({
  kind: 'measured',
  done,
  lost,
  seconds: 1,
  peerCpuMs,
  machineCpuMs: 1600,
});

const RESULTS: Results = {
  machine: { cores: 2, system: 'Linux 6.1', node: '20.19.0', cpuTimes: true, congestionControl: 'cubic' },
  settings: { rounds: 1, seconds: 1 },
  measurements: [
    {
      measurement: {
        name: 'udp',
        title: 'UDP round trips/s, 1 flow',
        load: { kind: 'udp', flows: 1 },
        unit: { one: 'round trip', size: 1, cpu: 'µs' },
      },
      peers: [
        { name: 'direct', rounds: [measured(40_000, null)] },
        { name: 'portable', rounds: [measured(20_000, 800, 3)] },
      ],
    },
  ],
  memory: [{ peer: 'portable', bytesPerConnection: [12_345] }],
  peers: [],
  failures: [],
  notes: [],
};

describe('reportText', () => {
  it('tells machine and settings, a row for each peer, and what was lost', () => {
    expect(reportText(RESULTS).split('\n')).toEqual([
      '2 cores, Linux 6.1, Node 20.19.0, TCP with cubic; 1 round of 1 s, peers in turn',
      '',
      '|                                              | peer     | median |       min – max | of direct |     CPU | CPU of machine |',
      '| -------------------------------------------- | -------- | -----: | --------------: | --------: | ------: | -------------: |',
      '| UDP round trips/s, 1 flow                    | direct   | 40,000 | 40,000 – 40,000 |      1.00 |       – |        40.0 µs |',
      '| UDP round trips/s, 1 flow                    | portable | 20,000 | 20,000 – 20,000 |      0.50 | 40.0 µs |        80.0 µs |',
      '| bytes of memory each, 4,000 idle connections | portable | 12,300 | 12,300 – 12,300 |         – |       – |              – |',
      '',
      'UDP round trips/s, 1 flow, portable: 3 datagrams had no answer in time and were sent again.',
      '',
      expect.stringMatching(/^CPU: /),
    ]);
  });

  it('says who was left out and why, what else has to be known, and how each peer was run', () => {
    const text = reportText({
      ...RESULTS,
      failures: [{ peer: 'nginx', work: 'start', message: 'it ended with 1' }],
      notes: ['A note.'],
      peers: [{ name: 'haproxy', description: '2.6: nbthread 1' }],
    });
    expect(text.split('\n\n')).toEqual(
      expect.arrayContaining([
        'nginx was left out, start: it ended with 1',
        'A note.',
        '- haproxy: 2.6: nbthread 1',
      ]),
    );
  });

  it('says so where the system tells no CPU time', () => {
    const elsewhere = { ...RESULTS, machine: { ...RESULTS.machine, cpuTimes: false } };
    const memory = [{ peer: 'portable', bytesPerConnection: [null] }];
    const text = reportText({ ...elsewhere, memory });
    expect(text).toContain('only Linux has');
    expect(text).toMatch(/idle connections \| portable \| +– \|/);
  });
});

import { describe, expect, it } from 'vitest';
import type { Measurement } from '../../bench/measurements.js';
import type { Measured } from '../../bench/messages.js';
import { summarize } from '../../bench/summary.js';

const REQUESTS: Measurement = {
  name: 'tcp-requests',
  title: 'requests/s',
  load: { kind: 'tcp-requests', connections: 1 },
  unit: { one: 'request', size: 1, cpu: 'µs' },
};
const BULK: Measurement = {
  name: 'tcp-bulk',
  title: 'GB/s',
  load: { kind: 'tcp-bulk', service: 'sink', connections: 1 },
  unit: { one: 'GB', size: 1e9, cpu: 'ms' },
};

const window = (done: number, more: Partial<Measured> = {}): Measured => ({
  kind: 'measured',
  done,
  lost: 0,
  seconds: 1,
  peerCpuMs: null,
  machineCpuMs: null,
  ...more,
});

describe('summarize', () => {
  it('tells rates a second, also where a window was longer or shorter', () => {
    const rounds = [window(100, { seconds: 0.5 }), window(100, { seconds: 2 }), window(100)];
    const [summary] = summarize({ measurement: REQUESTS, peers: [{ name: 'direct', rounds }] });
    expect(summary?.rate).toEqual({ median: 100, min: 50, max: 200 });
  });

  it('compares with the first peer within each round, so that a machine that slows down changes no ratio', () => {
    const [direct, relay] = summarize({
      measurement: REQUESTS,
      peers: [
        { name: 'direct', rounds: [window(1000), window(500), window(100)] },
        { name: 'relay', rounds: [window(400), window(200), window(40)] },
      ],
    });
    expect(direct?.ratio).toEqual({ median: 1, min: 1, max: 1 });
    expect(relay?.ratio).toEqual({ median: 0.4, min: 0.4, max: 0.4 });
  });

  it('tells the CPU of one unit: in µs for a request, in ms for a GB', () => {
    const cpu = { peerCpuMs: 500, machineCpuMs: 1500 };
    const of = (measurement: Measurement, done: number) =>
      summarize({ measurement, peers: [{ name: 'relay', rounds: [window(done, cpu)] }] })[0];
    expect(of(REQUESTS, 10_000)?.peerCpu?.median).toBeCloseTo(50);
    expect(of(REQUESTS, 10_000)?.machineCpu?.median).toBeCloseTo(150);
    expect(of(BULK, 2e9)?.rate.median).toBeCloseTo(2);
    expect(of(BULK, 2e9)?.peerCpu?.median).toBeCloseTo(250);
  });

  it('has no CPU where the system did not tell, and adds up what was lost', () => {
    const rounds = [window(1, { lost: 2 }), window(1, { lost: 3 })];
    const [summary] = summarize({ measurement: REQUESTS, peers: [{ name: 'direct', rounds }] });
    expect(summary).toMatchObject({ peerCpu: null, machineCpu: null, lost: 5 });
  });

  it('refuses a round in which nothing was done, and says whose', () => {
    const peers = [{ name: 'relay', rounds: [window(5), window(0)] }];
    const message = 'requests/s, relay: nothing was done in round 2';
    expect(() => summarize({ measurement: REQUESTS, peers })).toThrow(message);
  });
});

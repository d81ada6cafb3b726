import { describe, expect, it } from 'vitest';
import { goalFor } from '../../bench/goals.js';
import { MEASUREMENT_NAMES } from '../../bench/measurements.js';

describe('the goals', () => {
  it('are those that the native relay was built for', () => {
    const goals = MEASUREMENT_NAMES.map((name) => [name, goalFor(name, 'haproxy'), goalFor(name, 'nginx')]);
    expect(goals).toEqual([
      ['tcp-requests', 0.88, 0.95],
      ['tcp-connections', 0.8, 0.85],
      ['tcp-bulk', 0.9, 0.3],
      ['udp', null, 0.7],
      ['latency', 1, 1],
      ['memory', 0.15, 0.05],
    ]);
  });
});

import { describe, expect, it } from 'vitest';
import { MEASUREMENT_NAMES, MEASUREMENTS } from '../../bench/measurements.js';

describe('the measurements', () => {
  it('are one or more for every name that can be asked for, besides latency, whose rate is measured first, and memory', () => {
    expect([...new Set(MEASUREMENTS.map(({ name }) => name)), 'latency', 'memory']).toEqual(
      MEASUREMENT_NAMES,
    );
  });

  it('can be told apart by their titles', () => {
    const titles = MEASUREMENTS.map(({ title }) => title);
    expect(new Set(titles).size).toBe(titles.length);
  });
});

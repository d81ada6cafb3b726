import { expect, it } from 'vitest';
import { ConnectionLimit } from '../../../src/relay/portable/connection-limit.js';

const MINUTE_MS = 60_000;

it('a limit that is reached again and again is told once a minute', () => {
  const limit = new ConnectionLimit(1);
  const told: number[] = [];
  const reachedAt = (nowMs: number): void => {
    limit.take();
    expect(limit.hasRoom).toBe(false);
    limit.reached(nowMs, () => told.push(nowMs));
    limit.give();
  };
  for (let nowMs = 0; nowMs < 3 * MINUTE_MS; nowMs += 100) reachedAt(nowMs);
  expect(told).toEqual([0, MINUTE_MS, 2 * MINUTE_MS]);
});

it('a limit that was never reached is told at whatever time of the clock', () => {
  const told: number[] = [];
  for (const nowMs of [-5, 0, 5]) new ConnectionLimit(1).reached(nowMs, () => told.push(nowMs));
  expect(told).toEqual([-5, 0, 5]);
});

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Rest } from '../../../src/sources/manifests/rest.js';

describe('Rest', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const restAfter = (rest: Rest, ms: number, leastMs = 0) => {
    const started = Date.now();
    let lasted: number | undefined;
    const resting = rest.for(ms, leastMs).then(() => {
      lasted = Date.now() - started;
    });
    return { resting, lasted: () => lasted };
  };

  it('lasts as long as it is asked to', async () => {
    const { lasted } = restAfter(new Rest(), 100, 10);
    await vi.advanceTimersByTimeAsync(99);
    expect(lasted()).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    expect(lasted()).toBe(100);
  });

  it('is ended early', async () => {
    const rest = new Rest();
    const { lasted } = restAfter(rest, 100, 10);
    await vi.advanceTimersByTimeAsync(30);
    rest.end();
    await vi.advanceTimersByTimeAsync(0);
    expect(lasted()).toBe(30);
  });

  it('is not ended before the least that it has to last', async () => {
    const rest = new Rest();
    const { lasted } = restAfter(rest, 100, 10);
    rest.end();
    await vi.advanceTimersByTimeAsync(9);
    expect(lasted()).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    expect(lasted()).toBe(10);
  });

  it('ends at once when it was ended before it began, and only that one', async () => {
    const rest = new Rest();
    rest.end();
    const first = restAfter(rest, 100);
    await vi.advanceTimersByTimeAsync(0);
    expect(first.lasted()).toBe(0);
    const second = restAfter(rest, 100);
    await vi.advanceTimersByTimeAsync(99);
    expect(second.lasted()).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    await second.resting;
  });
});

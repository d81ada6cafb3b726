import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { watchEventLoop } from '../../../../bench/sync/steering/event-loop.js';

const BLOCKED_MS = 200;

function block(): void {
  const end = performance.now() + BLOCKED_MS;
  while (performance.now() < end);
}

describe('watchEventLoop', () => {
  it('sees how long work keeps everything else from being done', async () => {
    const begun = performance.now();
    const { value, blockedMs } = await watchEventLoop(async () => {
      await sleep(1);
      block();
      return 'done';
    });
    expect(value).toBe('done');
    expect(blockedMs).toBeGreaterThan(BLOCKED_MS - 10);
    expect(blockedMs).toBeLessThan(performance.now() - begun);
  });

  it('sees work that begins and ends with it', async () => {
    const { blockedMs } = await watchEventLoop(() => Promise.resolve(block()));
    expect(blockedMs).toBeGreaterThan(BLOCKED_MS - 10);
  });

  it('does not take waiting for work', async () => {
    const { blockedMs } = await watchEventLoop(() => sleep(BLOCKED_MS));
    expect(blockedMs).toBeLessThan(BLOCKED_MS - 10);
  });

  it('passes on what fails', async () => {
    await expect(watchEventLoop(() => Promise.reject(new Error('no rules')))).rejects.toThrow('no rules');
  });
});

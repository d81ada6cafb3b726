import { describe, expect, it } from 'vitest';
import { Refreshed } from '../../../../src/sources/apiserver/access/refreshed.js';

function counting() {
  const state = { now: 0, fetches: 0, broken: false };
  const fetch = async (): Promise<number> => {
    state.fetches += 1;
    if (state.broken) throw new Error('broken');
    return state.fetches;
  };
  return { state, refreshed: new Refreshed(fetch, { maxAgeMs: 10, now: () => state.now }) };
}

describe('a refreshed value', () => {
  it('is fetched once for all who ask until it is old', async () => {
    const { state, refreshed } = counting();
    expect(await Promise.all([refreshed.value(), refreshed.value()])).toEqual([1, 1]);
    state.now = 9;
    expect(await refreshed.value()).toBe(1);
    state.now = 10;
    expect(await refreshed.value()).toBe(2);
  });

  it('is fetched anew where the clock was set back', async () => {
    const { state, refreshed } = counting();
    state.now = 100;
    await refreshed.value();
    state.now = 50;
    expect(await refreshed.value()).toBe(2);
  });

  it('is fetched at once after it was dropped', async () => {
    const { refreshed } = counting();
    refreshed.drop();
    await refreshed.value();
    refreshed.drop();
    expect(await refreshed.value()).toBe(2);
  });

  it('stays in use where fetching it anew fails, and is tried again when it is old again', async () => {
    const { state, refreshed } = counting();
    await refreshed.value();
    state.broken = true;
    state.now = 10;
    expect(await refreshed.value()).toBe(1);
    expect(await refreshed.value()).toBe(1);
    expect(state.fetches).toBe(2);
    state.broken = false;
    state.now = 20;
    expect(await refreshed.value()).toBe(3);
  });

  it('that was never there fails each time until it can be fetched', async () => {
    const { state, refreshed } = counting();
    state.broken = true;
    await expect(refreshed.value()).rejects.toThrow('broken');
    await expect(refreshed.value()).rejects.toThrow('broken');
    state.broken = false;
    expect(await refreshed.value()).toBe(3);
  });
});

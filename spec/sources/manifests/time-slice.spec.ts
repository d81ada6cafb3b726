import { describe, expect, it } from 'vitest';
import { TimeSlice } from '../../../src/sources/manifests/time-slice.js';

describe('TimeSlice', () => {
  it('is over after its length, and begins again when passed', async () => {
    let now = 100;
    const slice = new TimeSlice(() => now, new AbortController().signal, 8);
    expect(slice.over).toBe(false);
    now = 108;
    expect(slice.over).toBe(true);
    await slice.pass();
    expect(slice.over).toBe(false);
  });

  it('lets others have their turn', async () => {
    const order: string[] = [];
    setImmediate(() => order.push('other'));
    await new TimeSlice(() => 0, new AbortController().signal).pass();
    order.push('slice');
    expect(order).toEqual(['other', 'slice']);
  });

  it('throws when the work is not wanted any more', async () => {
    const stopping = new AbortController();
    const slice = new TimeSlice(() => 0, stopping.signal);
    stopping.abort();
    await expect(slice.pass()).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }));
  });
});

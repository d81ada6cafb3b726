import { describe, expect, it } from 'vitest';
import { RelaySocket } from '../../../src/relay/native/relay-socket.js';

describe('a relay on a socket', () => {
  it('is looked for every 20 ms for a second, then less and less often, and anew after it was there', () => {
    let now = 0;
    const source = new RelaySocket('/nonexistent', () => now);
    const pauses: number[] = [];
    for (const at of [0, 500, 999, 1_000, 1_100, 1_300, 2_000, 3_000, 4_000, 5_000]) {
      now = at;
      pauses.push(source.pauseMs());
    }
    expect(pauses).toEqual([20, 20, 20, 40, 80, 160, 320, 640, 1_000, 1_000]);
    source.found();
    now = 60_000;
    expect(source.pauseMs()).toBe(20);
  });
});

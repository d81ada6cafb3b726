import { describe, expect, it } from 'vitest';
import { SyncWatch } from '../../src/status/sync-watch.js';
import { syncProgress } from '../support/proxy-values.js';

const PATIENCE_MS = 1_000;

describe('the watch over syncs', () => {
  it('sees none that is stuck while there is nothing to do, for however long', () => {
    const watch = new SyncWatch(PATIENCE_MS);
    const idle = syncProgress({ begun: 3, succeeded: 3 });
    expect([5, 10_000, 86_400_000].map((now) => watch.isStuck(idle, now))).toEqual([false, false, false]);
  });

  it('sees one that does not end within its time, and that it has ended', () => {
    const watch = new SyncWatch(PATIENCE_MS);
    const running = syncProgress({ begun: 4, succeeded: 3 });
    expect(watch.isStuck(running, 50_000)).toBe(false);
    expect(watch.isStuck(running, 50_999)).toBe(false);
    expect(watch.isStuck(running, 51_000)).toBe(true);
    expect(watch.isStuck(syncProgress({ begun: 4, succeeded: 4 }), 51_001)).toBe(false);
  });

  it('gives the very first one its time', () => {
    const watch = new SyncWatch(PATIENCE_MS);
    const first = syncProgress({ begun: 1, succeeded: 0 });
    expect(watch.isStuck(first, 99_000)).toBe(false);
    expect(watch.isStuck(first, 100_000)).toBe(true);
  });

  it('gives each one its own time, where one follows the other', () => {
    const watch = new SyncWatch(PATIENCE_MS);
    for (let sync = 1; sync < 20; sync++) {
      const running = syncProgress({ begun: sync, succeeded: sync - 1 });
      expect(watch.isStuck(running, sync * 900)).toBe(false);
    }
  });

  it('sees none that is stuck in one that failed: a restart would not mend that', () => {
    const watch = new SyncWatch(PATIENCE_MS);
    const failing = syncProgress({ begun: 4, succeeded: 0, failed: 4, pendingSince: 1 });
    expect(watch.isStuck(failing, 1)).toBe(false);
    expect(watch.isStuck(failing, 1_000_000)).toBe(false);
  });
});

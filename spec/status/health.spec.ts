import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assessHealth, goTime, healthzBody } from '../../src/status/health.js';
import { NOON, syncProgress } from '../support/proxy-values.js';

const PERIOD_MS = 30_000;

describe('health', () => {
  it('is good before anything is known', () => {
    const starting = syncProgress({ lastSynced: null, succeeded: 0 });
    expect(assessHealth(starting, PERIOD_MS, NOON).healthy).toBe(true);
  });

  it('is good while nothing waits, however long ago the last sync was', () => {
    const idle = syncProgress({ lastSynced: NOON - 86_400_000 });
    expect(assessHealth(idle, PERIOD_MS, NOON)).toEqual({
      healthy: true,
      lastUpdated: NOON,
      currentTime: NOON,
    });
  });

  it('is lost once a change has waited for twice the sync period, and not a millisecond before', () => {
    const waitingFor = (pendingForMs: number) =>
      syncProgress({ pendingSince: NOON, pendingForMs, lastSynced: NOON - 1_000 });
    expect(assessHealth(waitingFor(2 * PERIOD_MS - 1), PERIOD_MS, NOON).healthy).toBe(true);
    expect(assessHealth(waitingFor(2 * PERIOD_MS), PERIOD_MS, NOON)).toEqual({
      healthy: false,
      lastUpdated: NOON - 1_000,
      currentTime: NOON,
    });
  });

  it('is lost when the first sync does not succeed', () => {
    const waiting = { pendingSince: NOON, pendingForMs: 2 * PERIOD_MS };
    const stuck = syncProgress({ ...waiting, lastSynced: null, succeeded: 0, failed: 4 });
    const health = assessHealth(stuck, PERIOD_MS, NOON);
    expect(health).toMatchObject({ healthy: false, lastUpdated: null });
  });

  it('is lost while the process is leaving, with the time of the last good sync', () => {
    const idle = syncProgress({ lastSynced: NOON - 1_000 });
    expect(assessHealth(idle, PERIOD_MS, NOON, true)).toEqual({
      healthy: false,
      lastUpdated: NOON - 1_000,
      currentTime: NOON,
    });
  });

  it.each([-3_600_000, 3_600_000])('survives a clock that is set by %d ms while a change waits', (byMs) => {
    const waiting = syncProgress({ pendingSince: NOON, pendingForMs: 100 });
    expect(assessHealth(waiting, PERIOD_MS, NOON + byMs).healthy).toBe(true);
    const stuck = syncProgress({ pendingSince: NOON, pendingForMs: 2 * PERIOD_MS });
    expect(assessHealth(stuck, PERIOD_MS, NOON + byMs).healthy).toBe(false);
  });
});

describe('the body of /healthz', () => {
  it("is kube-proxy's, character for character, but for the monotonic reading", () => {
    const at = Date.UTC(2026, 10, 22, 17, 39, 18, 438);
    expect(healthzBody({ healthy: true, lastUpdated: at, currentTime: at })).toBe(
      '{"lastUpdated": "2026-11-22 17:39:18.438 +0000 UTC","currentTime": "2026-11-22 17:39:18.438 +0000 UTC"}',
    );
  });

  it('has the zero time of Go where there was no sync', () => {
    expect(healthzBody({ healthy: false, lastUpdated: null, currentTime: NOON })).toBe(
      '{"lastUpdated": "0001-01-01 00:00:00 +0000 UTC","currentTime": "2026-11-22 12:00:00 +0000 UTC"}',
    );
  });
});

describe("Go's form of a time", () => {
  it.each([
    [0, '12:00:00'],
    [7, '12:00:00.007'],
    [30, '12:00:00.03'],
    [400, '12:00:00.4'],
    [10_000, '12:00:10'],
    [600_120, '12:10:00.12'],
  ])('drops trailing zeros of the fraction, and no others: noon + %i ms', (ms, time) => {
    expect(goTime(NOON + ms)).toBe(`2026-11-22 ${time} +0000 UTC`);
  });

  it('names the same moment', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date(0), max: new Date('2999-12-31'), noInvalidDate: true }),
        (moment) => {
          const [date = '', time = ''] = goTime(moment.getTime()).split(' ');
          expect(Date.parse(`${date}T${time}Z`)).toBe(moment.getTime());
        },
      ),
    );
  });
});

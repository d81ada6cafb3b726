import { describe, expect, it } from 'vitest';
import { SILENT_LOGGER } from '../../../src/host/log.js';
import { LiveReport } from '../../../src/status/page/live-report.js';
import { aReport, NOON } from '../../support/proxy-values.js';

/** Far more than a spec takes: only the clock that is given moves it on. */
const INTERVAL_MS = 100_000;

function start() {
  const seen = { asked: 0, now: 0 };
  const live = new LiveReport({
    report: async () => {
      seen.asked += 1;
      return aReport({ now: NOON + seen.now });
    },
    logger: SILENT_LOGGER,
    intervalMs: INTERVAL_MS,
    lingerMs: INTERVAL_MS,
    now: () => seen.now,
  });
  return { seen, live };
}

describe('what is seen of the proxy', () => {
  it('is one report for all who look within the interval', async () => {
    const { seen, live } = start();
    const [one, other] = await Promise.all([live.current(), live.current()]);
    expect(other).toBe(one);
    expect(await live.current()).toBe(one);
    expect(seen.asked).toBe(1);
  });

  it('costs nothing while nobody looks', () => {
    expect(start().seen.asked).toBe(0);
  });

  it('is another one after the interval, with rates and a chart', async () => {
    const { seen, live } = start();
    const first = await live.current();
    expect(first.traffic[0]?.newPerSecond).toBeNull();
    seen.now += INTERVAL_MS;
    const second = await live.next(first, AbortSignal.timeout(INTERVAL_MS));
    expect(second).not.toBe(first);
    expect(second.traffic[0]?.newPerSecond).toBe(0);
    expect(second.history.total.bytes).toEqual([0]);
  });

  it('begins anew after a pause, over which rates would be averages', async () => {
    const { seen, live } = start();
    await live.current();
    seen.now += 3 * INTERVAL_MS;
    const look = await live.current();
    expect(look.traffic[0]?.newPerSecond).toBeNull();
    expect(look.history.total.bytes).toEqual([]);
  });

  it('is not waited for by whoever has gone', async () => {
    const { live } = start();
    const gone = new AbortController();
    const waiting = live.next(await live.current(), gone.signal);
    gone.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
  });
});

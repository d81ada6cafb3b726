import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { ServiceReport, STUCK_SYNC_MS } from '../../src/cli/service-report.js';
import { ServiceNotifier } from '../../src/host/service-notifier.js';
import type { ServiceOverview } from '../../src/status/service-overview.js';
import { syncProgress } from '../support/proxy-values.js';
import { RecordingLogger } from '../support/recording-logger.js';

const WATCHDOG_MS = 20_000;

function overviewOf(changes: Partial<ServiceOverview> = {}): ServiceOverview {
  return {
    counts: { services: 7, servicePorts: 9, portals: 9, endpoints: 21 },
    relay: 'native',
    steering: 'nftables',
    sources: [],
    progress: syncProgress(),
    ...changes,
  };
}

const SERVED = 'STATUS=7 services (9 portals), 21 endpoints; steering nftables; relay native';

/** A report to a manager that takes what it is sent, or nothing while `isDeaf`. */
function startReport({ watchdogMs = WATCHDOG_MS }: { watchdogMs?: number | null } = {}) {
  const sent: string[] = [];
  const manager = { isDeaf: false };
  const send = async (lines: readonly string[]) => {
    if (!manager.isDeaf) sent.push(...lines);
    return !manager.isDeaf;
  };
  const logger = new RecordingLogger();
  const notifier = new ServiceNotifier({ send }, () => 1n);
  const report = new ServiceReport({ notifier, watchdogMs, logger, now: () => performance.now() });
  report.start();
  onTestFinished(() => report.end());
  const count = (line: string) => sent.filter((candidate) => candidate === line).length;
  return { report, sent, manager, logger, count };
}

describe('the report to the service manager', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('asks for more time while it starts, and is not ready before it says so', async () => {
    const { report, sent, count } = startReport();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent[0]).toBe('STATUS=starting');
    expect(count('EXTEND_TIMEOUT_USEC=30000000')).toBeGreaterThan(10);
    expect(sent).not.toContain('READY=1');
    report.watch(() => overviewOf());
    await report.ready();
    expect(sent.slice(-3)).toEqual(expect.arrayContaining(['READY=1', SERVED]));
    const extensions = count('EXTEND_TIMEOUT_USEC=30000000');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(count('EXTEND_TIMEOUT_USEC=30000000')).toBe(extensions);
  });

  it('pings well within the time of the watchdog while there is nothing to do', async () => {
    const { report, count } = startReport();
    report.watch(() => overviewOf());
    await report.ready();
    const before = count('WATCHDOG=1');
    await vi.advanceTimersByTimeAsync(10 * WATCHDOG_MS);
    expect(count('WATCHDOG=1') - before).toBeGreaterThanOrEqual(30);
  });

  it('does not ping where no watchdog waits', async () => {
    const { report, sent } = startReport({ watchdogMs: null });
    report.watch(() => overviewOf());
    await report.ready();
    await vi.advanceTimersByTimeAsync(600_000);
    expect(sent).not.toContain('WATCHDOG=1');
  });

  it('stops its pings when a sync does not end, says so once, and goes on when it has ended', async () => {
    const { report, logger, count } = startReport();
    let progress = syncProgress();
    report.watch(() => overviewOf({ progress }));
    await report.ready();
    progress = syncProgress({ begun: 4, succeeded: 3 });
    await vi.advanceTimersByTimeAsync(STUCK_SYNC_MS - 2_000);
    const whileItMay = count('WATCHDOG=1');
    expect(whileItMay).toBeGreaterThan(30);
    await vi.advanceTimersByTimeAsync(4_000);
    const stuck = count('WATCHDOG=1');
    await vi.advanceTimersByTimeAsync(10 * WATCHDOG_MS);
    expect(count('WATCHDOG=1')).toBe(stuck);
    expect(logger.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
    progress = syncProgress({ begun: 4, succeeded: 4 });
    await vi.advanceTimersByTimeAsync(2_000);
    expect(count('WATCHDOG=1')).toBe(stuck + 1);
  });

  it('asks for no more time while the first sync is stuck', async () => {
    const { report, count } = startReport();
    report.watch(() => overviewOf({ progress: syncProgress({ begun: 1, succeeded: 0 }) }));
    await vi.advanceTimersByTimeAsync(STUCK_SYNC_MS + 2_000);
    const before = count('EXTEND_TIMEOUT_USEC=30000000');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(count('EXTEND_TIMEOUT_USEC=30000000')).toBe(before);
  });

  it('tells a status when it changes, and not when it does not', async () => {
    const { report, sent } = startReport();
    let overview = overviewOf();
    report.watch(() => overview);
    await report.ready();
    const told = sent.filter((line) => line.startsWith('STATUS=')).length;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(sent.filter((line) => line.startsWith('STATUS='))).toHaveLength(told);
    overview = overviewOf({ relay: 'portable' });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(sent).toContain(SERVED.replace('native', 'portable'));
  });

  it('says again what did not arrive', async () => {
    const { report, sent, manager } = startReport();
    report.watch(() => overviewOf());
    manager.isDeaf = true;
    await report.ready();
    await vi.advanceTimersByTimeAsync(3_000);
    manager.isDeaf = false;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(sent.filter((line) => line === 'READY=1')).toHaveLength(1);
    expect(sent).toContain(SERVED);
  });

  it('says that it reloads, and that it is ready again', async () => {
    const { report, sent } = startReport();
    report.watch(() => overviewOf());
    await report.ready();
    await report.reloading();
    await report.ready();
    const words = sent.filter((line) => /^(READY|RELOADING|MONOTONIC_USEC)=/.test(line));
    expect(words).toEqual(['READY=1', 'RELOADING=1', 'MONOTONIC_USEC=1', 'READY=1']);
  });

  it('asks for the time that it said its end takes, and for no more than a little beyond', async () => {
    const { report, sent, count } = startReport();
    report.watch(() => overviewOf());
    await report.ready();
    await report.stopping(60_000);
    expect(sent).toContain('STOPPING=1');
    expect(sent.at(-1)).not.toBe('READY=1');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(count('EXTEND_TIMEOUT_USEC=30000000')).toBeGreaterThan(10);
    await vi.advanceTimersByTimeAsync(20_000);
    const { length } = sent.filter((line) => line.startsWith('EXTEND'));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent.filter((line) => line.startsWith('EXTEND'))).toHaveLength(length);
  });

  it('is nothing, and no timer, where nobody waits', async () => {
    const report = new ServiceReport({
      notifier: null,
      watchdogMs: null,
      logger: new RecordingLogger(),
      now: () => 0,
    });
    report.start();
    await report.ready();
    await report.stopping(1);
    expect(vi.getTimerCount()).toBe(0);
  });
});

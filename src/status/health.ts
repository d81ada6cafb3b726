import type { SyncProgress } from '../proxier/proxy-view.js';

/** What `/healthz` tells. Times are milliseconds since the epoch. */
export interface Health {
  readonly healthy: boolean;
  /** The current time while healthy; otherwise the end of the last good sync, null where there was none. */
  readonly lastUpdated: number | null;
  readonly currentTime: number;
}

/** A change may wait this many sync periods for its sync before the proxy counts as unhealthy. */
const PATIENCE_IN_SYNC_PERIODS = 2;

/**
 * kube-proxy's rule (`pkg/proxy/healthcheck/proxier_health.go`): the proxy is unhealthy when a change has waited for
 * its sync for twice the sync period or longer, and healthy otherwise. So it is healthy while it starts and nothing
 * is known yet, and while there is nothing to do, however long ago the last sync was.
 *
 * The age is that of the oldest waiting change, as in kube-proxy's later releases. 1.25 looked at the newest one, and
 * never called a proxy unhealthy before its first good sync: a steady stream of changes hid a stall, and so did a
 * first sync that always failed.
 *
 * One that is about to stop is unhealthy as well, so that load balancers send new clients elsewhere while it still serves.
 *
 * How long a change has waited is measured, not read off the host's clock: that may be set meanwhile, by an hour either way.
 *
 * As in kube-proxy, `lastUpdated` is recent while healthy: programs that compare the two times depend on it.
 */
export function assessHealth(
  progress: SyncProgress,
  syncPeriodMs: number,
  now: number,
  isLeaving = false,
): Health {
  const waitedMs = progress.pendingForMs;
  const inTime = waitedMs === null || waitedMs < PATIENCE_IN_SYNC_PERIODS * syncPeriodMs;
  const healthy = inTime && !isLeaving;
  return { healthy, lastUpdated: healthy ? now : progress.lastSynced, currentTime: now };
}

/** The body of `/healthz`, in kube-proxy's words and spacing. */
export function healthzBody(health: Health): string {
  const lastUpdated = JSON.stringify(goTime(health.lastUpdated));
  const currentTime = JSON.stringify(goTime(health.currentTime));
  return `{"lastUpdated": ${lastUpdated},"currentTime": ${currentTime}}`;
}

/**
 * A time as Go prints it (`time.Time.String`), in UTC and without the monotonic reading: the fraction loses its
 * trailing zeros, and no time at all is Go's zero time, 1 January of the year 1.
 */
export function goTime(millisecondsSinceEpoch: number | null): string {
  if (millisecondsSinceEpoch === null) return '0001-01-01 00:00:00 +0000 UTC';
  const [date = '', time = ''] = new Date(millisecondsSinceEpoch).toISOString().split('T');
  return `${date} ${time.replace(/\.?0*Z$/, '')} +0000 UTC`;
}

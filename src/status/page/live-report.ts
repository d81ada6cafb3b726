import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Logger } from '../../host/log.js';
import type { StatusReport } from '../status-report.js';
import { type ServicePortTraffic, trafficOf } from '../watch/traffic-rates.js';
import { TrafficHistory } from './traffic-history.js';

/** What is seen at one look. */
export interface Look {
  readonly report: StatusReport;
  /** Trouble first, then the busiest, then by name. */
  readonly traffic: readonly ServicePortTraffic[];
  readonly history: TrafficHistory;
}

export interface LiveReportOptions {
  readonly report: () => Promise<StatusReport>;
  readonly logger: Logger;
  /** From one look to the next, ms. */
  readonly intervalMs: number;
  /** How long it goes on looking after the last one has gone who was shown something: whoever comes back finds charts, ms. */
  readonly lingerMs: number;
  /** Of a clock that only goes forward, ms. */
  readonly now: () => number;
}

/**
 * Looks at the proxy while somebody is shown something, once for all of them; costs nothing while nobody is.
 *
 *     page, stream ──▶ current() / next() ──▶ one report every `intervalMs` ──▶ rates ──▶ history
 */
export class LiveReport {
  readonly #options: LiveReportOptions;
  #history = new TrafficHistory();
  #look: Look | null = null;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #wantedAt = Number.NEGATIVE_INFINITY;
  #looking: Promise<Look> | null = null;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LiveReportOptions) {
    this.#options = options;
  }

  /**
   * The last look, where it is no older than the interval, or a new one.
   *
   * @throws what the report fails with.
   */
  current(): Promise<Look> {
    const { now, intervalMs } = this.#options;
    this.#wantedAt = now();
    if (this.#look !== null && now() - this.#lookedAt < intervalMs) return Promise.resolve(this.#look);
    return this.#lookNow();
  }

  /**
   * The look after this one, once there is one.
   *
   * @param seen null for whichever comes first.
   * @throws what the report fails with; the reason of the signal once that is aborted.
   */
  async next(seen: Look | null, signal: AbortSignal): Promise<Look> {
    for (;;) {
      const look = await this.current();
      if (look !== seen) return look;
      await pause(Math.max(1, this.#lookedAt + this.#options.intervalMs - this.#options.now()), signal);
    }
  }

  #lookNow(): Promise<Look> {
    this.#looking ??= this.#take().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  async #take(): Promise<Look> {
    const { report: ask, now, intervalMs, lingerMs } = this.#options;
    const report = await ask();
    // Rates over a pause would be averages of it, and the chart would show it as one moment.
    const isFresh = now() - this.#lookedAt < 3 * intervalMs;
    if (!isFresh) this.#history = new TrafficHistory();
    // With 10,000 service ports each step takes its time: what else waits has its turn in between.
    await nextTurn();
    const traffic = trafficOf(report, isFresh ? (this.#look?.report ?? null) : null);
    await nextTurn();
    if (isFresh) this.#history.add(traffic);
    this.#look = { report, traffic, history: this.#history };
    this.#lookedAt = now();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (now() - this.#wantedAt > lingerMs) return this.#forget();
      this.#lookNow().catch((error: unknown) =>
        this.#options.logger.detail(2, 'no report for the status page', { error: String(error) }),
      );
    }, intervalMs).unref();
    return this.#look;
  }

  #forget(): void {
    this.#look = null;
    this.#history = new TrafficHistory();
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', aborted);
      resolve();
    }, ms);
    function aborted(): void {
      clearTimeout(timer);
      reject(signal.reason);
    }
    signal.addEventListener('abort', aborted, { once: true });
  });
}

import type { Logger } from '../host/log.js';
import type { ServiceNotifier } from '../host/service-notifier.js';
import { overviewText, type ServiceOverview } from '../status/service-overview.js';
import { SyncWatch } from '../status/sync-watch.js';

export interface ServiceReportOptions {
  /** Null where no service manager waits for a word. */
  readonly notifier: ServiceNotifier | null;
  /** The manager expects a ping at least so often, ms; null where it expects none. */
  readonly watchdogMs: number | null;
  readonly logger: Logger;
  /** ms, monotonic. */
  readonly now: () => number;
}

/** A sync that takes so long is stuck, ms: the commands of one that fails are given up sooner, after a minute each. */
export const STUCK_SYNC_MS = 180_000;

/** How often it is looked whether there is something to say, ms. */
const LONGEST_TICK_MS = 1_000;

/** While it starts, and while it ends, the manager is asked for so much more time, again and again, ms. */
const EXTENSION_MS = 30_000;
const EXTENSION_INTERVAL_MS = 5_000;

/** Beyond the time that it said it takes, an end has so long, ms: rules may have to be removed, a state saved. */
const END_PATIENCE_MS = 15_000;

type Phase = 'starting' | 'serving' | 'reloading' | 'stopping';

/**
 * Tells the service manager how the proxy stands (sd_notify(3)):
 *
 *     starting ──ready()──▶ serving ◀──ready()── reloading
 *        │                     ├────reloading()────▲
 *        └─────────────────────┴──stopping()──▶ stopping ──end()
 *
 * All comes from a timer of the event loop, and nothing while a sync is stuck: a process that hangs is silent, and the
 * manager starts it again. While it starts, it asks for more time instead of pinging: an API server may be away for
 * days.
 */
export class ServiceReport {
  readonly #options: ServiceReportOptions;
  readonly #watch = new SyncWatch(STUCK_SYNC_MS);
  #timer: NodeJS.Timeout | undefined;
  #overview: (() => ServiceOverview) | undefined;
  #phase: Phase = 'starting';
  /** The manager knows of the phase; else it is told again. */
  #isPhaseTold = true;
  #toldStatus = '';
  #toldStuck = false;
  #telling: Promise<void> | undefined;
  #pingedAt = Number.NEGATIVE_INFINITY;
  #extendedAt = Number.NEGATIVE_INFINITY;
  #endsBy = Number.POSITIVE_INFINITY;

  constructor(options: ServiceReportOptions) {
    this.#options = options;
  }

  /** Begins to report. The timer keeps no process alive. */
  start(): void {
    const { notifier, watchdogMs } = this.#options;
    if (notifier === null || this.#timer !== undefined) return;
    const tickMs = Math.max(1, Math.min(LONGEST_TICK_MS, (watchdogMs ?? LONGEST_TICK_MS) / 4));
    this.#timer = setInterval(() => void this.#tick(notifier), tickMs).unref();
    void this.#tick(notifier);
  }

  /** From now on it reports on this proxy, rather than that there is none yet. */
  watch(overview: () => ServiceOverview): void {
    this.#overview = overview;
  }

  /** The first sync has ended well, or a reload is done. */
  ready(): Promise<void> {
    return this.#enter('serving');
  }

  /** Configuration is read again; `ready` is to follow. */
  reloading(): Promise<void> {
    return this.#enter('reloading');
  }

  /** The proxy is ending, and says that it takes so long at most, ms. */
  stopping(ms: number): Promise<void> {
    this.#endsBy = this.#options.now() + ms + END_PATIENCE_MS;
    return this.#enter('stopping');
  }

  /** Nothing is reported any more. */
  end(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #enter(phase: Phase): Promise<void> {
    while (this.#telling !== undefined) await this.#telling;
    this.#phase = phase;
    this.#isPhaseTold = false;
    const { notifier } = this.#options;
    if (notifier !== null) await this.#tick(notifier);
  }

  /** One word at a time: where a program has to be run for each, it may take longer than a tick. */
  async #tick(notifier: ServiceNotifier): Promise<void> {
    if (this.#telling !== undefined || this.#timer === undefined) return;
    this.#telling = this.#tellAll(notifier);
    await this.#telling.finally(() => {
      this.#telling = undefined;
    });
  }

  async #tellAll(notifier: ServiceNotifier): Promise<void> {
    await this.#tellPhase(notifier);
    await this.#tellStatus(notifier);
    await this.#tellLife(notifier);
  }

  async #tellPhase(notifier: ServiceNotifier): Promise<void> {
    if (this.#isPhaseTold) return;
    const status = this.#status();
    this.#isPhaseTold = await this.#tell(notifier, this.#phase, status);
    if (this.#isPhaseTold && this.#phase !== 'reloading') this.#toldStatus = status;
  }

  #tell(notifier: ServiceNotifier, phase: Phase, status: string): Promise<boolean> {
    switch (phase) {
      case 'serving':
        return notifier.ready(status);
      case 'reloading':
        return notifier.reloading();
      case 'stopping':
        return notifier.stopping(EXTENSION_MS, status);
      case 'starting':
        return notifier.status(status);
    }
  }

  async #tellStatus(notifier: ServiceNotifier): Promise<void> {
    const status = this.#status();
    if (status !== this.#toldStatus && (await notifier.status(status))) this.#toldStatus = status;
  }

  async #tellLife(notifier: ServiceNotifier): Promise<void> {
    const now = this.#options.now();
    if (this.#isStuck(now)) return;
    const isPassing = this.#phase === 'starting' || this.#phase === 'stopping';
    if (isPassing && now < this.#endsBy && now - this.#extendedAt >= EXTENSION_INTERVAL_MS) {
      this.#extendedAt = now;
      await notifier.extendTimeout(EXTENSION_MS);
    }
    const { watchdogMs } = this.#options;
    if (watchdogMs === null || now - this.#pingedAt < watchdogMs / 4) return;
    if (await notifier.watchdog()) this.#pingedAt = now;
  }

  #isStuck(now: number): boolean {
    const isStuck = this.#overview !== undefined && this.#watch.isStuck(this.#overview().progress, now);
    if (isStuck && !this.#toldStuck)
      this.#options.logger.error('a sync does not end: the watchdog is not pinged any more', {
        seconds: STUCK_SYNC_MS / 1_000,
      });
    this.#toldStuck = isStuck;
    return isStuck;
  }

  #status(): string {
    const text = this.#overview === undefined ? 'starting' : overviewText(this.#overview());
    return this.#phase === 'stopping' ? `stopping; ${text}` : text;
  }
}

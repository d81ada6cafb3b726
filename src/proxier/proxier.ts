import { setImmediate as nextTurn } from 'node:timers/promises';
import type { PortRange } from '../config/proxy-config.js';
import { ephemeralPorts } from '../host/ephemeral-ports.js';
import type { Logger } from '../host/log.js';
import type { ServicePortName } from '../model/service-port.js';
import { EMPTY_STATE, type ServiceState } from '../model/service-state.js';
import type { RelayEngine } from '../relay/engine.js';
import type { Redirect, Steering } from '../steering/steering.js';
import { PortAllocator } from './port-allocator.js';
import { Portals } from './portals.js';
import type { PortalCounts, ProxyView, ServicePortView, SyncProgress } from './proxy-view.js';
import { RedirectList } from './redirects.js';
import { errorLine, servicePortViews } from './service-port-views.js';
import { slicesOf } from './slices.js';
import { changedServicePorts } from './wanted-portals.js';

/** Service ports that a resync looks at in one turn of the event loop: a millisecond or two. */
const SLICE = 128;

export interface ProxierOptions {
  readonly relay: RelayEngine;
  readonly steering: Steering;
  /** Where portals listen. */
  readonly bindAddress: string;
  readonly portRange: PortRange | null;
  /** The longest time between two syncs, ms: what someone else changed in the kernel is put right that soon. */
  readonly syncPeriodMs: number;
  readonly logger: Logger;
  /** ms since the epoch. */
  readonly now: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/**
 * Makes portals and packet rules equal to the newest state, over and over:
 *
 *     update(state) ──▶ endpoints and affinity of open portals: at once, a table swap in the relay
 *           └─────────▶ sync: portals that are gone are closed, new ones opened, then steering is applied
 *
 * One sync at a time. States that arrive during a sync coalesce into the next one. A sync after a change looks at what
 * changed, so that it costs the same with ten Services and with ten thousand; every `syncPeriodMs` one looks at
 * everything: nothing that was missed or failed lasts.
 */
export class Proxier implements ProxyView {
  readonly #options: ProxierOptions;
  readonly #portals: Portals;
  readonly #redirects = new RedirectList();
  #state: ServiceState = EMPTY_STATE;
  /** Service ports that the next sync is to look at. */
  #changed = new Set<ServicePortName>();
  /** The next sync is to look at everything. */
  #resyncDue = false;
  /** What steering has brought about; null where that is not known. */
  #steered: readonly Redirect[] | null = null;
  #resyncTimer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  /** A sync is due, since `#requestedAt`, beside the one that may be running. */
  #again = false;
  #requestedAt = 0;
  #stopped = false;
  #pendingSince: number | null = null;
  #lastSynced: number | null = null;
  #succeeded = 0;
  #failed = 0;
  #failure: string | null = null;

  constructor(options: ProxierOptions) {
    this.#options = options;
    const { relay, bindAddress, logger, portRange, random } = options;
    const ports = new PortAllocator(portRange, random, ephemeralPorts());
    this.#portals = new Portals({ relay, ports, bindAddress, logger });
  }

  /** Takes a new state. Its endpoints are in use when this returns; new portals open soon after. */
  update(state: ServiceState): void {
    if (this.#stopped) return;
    const changed = changedServicePorts(this.#state, state);
    this.#state = state;
    this.#portals.route(changed, state);
    for (const name of changed) this.#changed.add(name);
    this.#requestSync();
    this.#resyncTimer ??= setInterval(() => this.#requestResync(), this.#options.syncPeriodMs).unref();
  }

  /** Resolves when no sync is running or due. Rejects with what a sync did not expect: a fault of the program. */
  async settled(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  /** Ends after the sync that is running. Portals and rules stay as they are. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#resyncTimer);
    await this.settled();
  }

  servicePorts(): readonly ServicePortView[] {
    return servicePortViews(this.#state, this.#portals);
  }

  counts(): PortalCounts {
    return { servicePorts: this.#state.servicePorts.size, portals: this.#portals.open.size };
  }

  syncProgress(): SyncProgress {
    return {
      pendingSince: this.#pendingSince,
      lastSynced: this.#lastSynced,
      succeeded: this.#succeeded,
      failed: this.#failed,
      errors: [
        this.#failure,
        ...Array.from(this.#portals.failed.values(), ({ error }) => errorLine(error)),
      ].filter((line) => line !== null),
    };
  }

  #requestResync(): void {
    this.#resyncDue = true;
    this.#requestSync();
  }

  #requestSync(): void {
    if (this.#stopped) return;
    if (!this.#again) this.#requestedAt = this.#options.now();
    this.#pendingSince ??= this.#requestedAt;
    this.#again = true;
    this.#running ??= this.#syncUntilSettled();
  }

  async #syncUntilSettled(): Promise<void> {
    try {
      while (this.#again && !this.#stopped) {
        this.#again = false;
        await this.#sync();
      }
    } finally {
      this.#running = undefined;
    }
  }

  async #sync(): Promise<void> {
    const { logger, now } = this.#options;
    const started = now();
    const everything = this.#resyncDue;
    const changed = this.#changed;
    this.#resyncDue = false;
    this.#changed = new Set();
    let redirects = await this.#reconcile(changed);
    if (everything) {
      for (const slice of slicesOf(this.#everyServicePort(), SLICE)) {
        await nextTurn();
        redirects = await this.#reconcile(slice);
      }
    }
    try {
      if (everything || redirects !== this.#steered) await this.#steer(redirects);
    } catch (error) {
      this.#syncFailed(error);
      return;
    }
    await this.#portals.closeMerged(this.#state);
    this.#failure = null;
    this.#succeeded += 1;
    this.#lastSynced = now();
    this.#pendingSince = this.#again ? this.#requestedAt : null;
    logger.detail(2, 'sync done', {
      servicePorts: this.#state.servicePorts.size,
      changed: changed.size,
      portals: this.#portals.open.size,
      ms: this.#lastSynced - started,
    });
  }

  /** Portals as they should be now for these service ports. Resolves with the redirects that there are then. */
  async #reconcile(servicePorts: ReadonlySet<ServicePortName>): Promise<readonly Redirect[]> {
    const newest = (): ServiceState => this.#state;
    const looked = await this.#portals.reconcile(servicePorts, newest, () => this.#stopped);
    return this.#redirects.update(looked, newest(), this.#portals.open);
  }

  /** Those of the state, and any that a portal or a redirect is left of; some maybe twice. */
  *#everyServicePort(): Generator<ServicePortName, undefined> {
    const { servicePorts } = this.#state;
    yield* servicePorts.keys();
    // Taken at once: whoever looks at them changes the maps that they come from.
    const others = [...this.#portals.servicePorts(), ...this.#redirects.servicePorts()];
    for (const name of others) if (!servicePorts.has(name)) yield name;
  }

  async #steer(redirects: readonly Redirect[]): Promise<void> {
    this.#steered = null;
    await this.#options.steering.apply(redirects);
    this.#steered = redirects;
  }

  /** The old rules stand; the next sync tries again. Told once for as long as the reason is the same. */
  #syncFailed(error: unknown): void {
    this.#failed += 1;
    const line = error instanceof Error ? error.message : String(error);
    if (this.#failure !== line)
      this.#options.logger.error('sync failed', { steering: this.#options.steering.kind, error: line });
    this.#failure = line;
  }
}

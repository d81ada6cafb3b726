import type { PortRange } from '../config/proxy-config.js';
import type { Logger } from '../host/log.js';
import type { KubeSpliceError } from '../model/errors.js';
import { EMPTY_STATE, type ServiceState } from '../model/service-state.js';
import type { RelayEngine } from '../relay/engine.js';
import type { Steering } from '../steering/steering.js';
import { PortAllocator } from './port-allocator.js';
import { Portals } from './portals.js';
import type { ProxyView, ServicePortView, SyncProgress } from './proxy-view.js';
import { redirectsOf } from './redirects.js';

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
 * One sync at a time. States that arrive during a sync coalesce into the next one, and without any a sync comes every
 * `syncPeriodMs`: nothing that was missed or failed lasts.
 */
export class Proxier implements ProxyView {
  readonly #options: ProxierOptions;
  readonly #portals: Portals;
  #state: ServiceState = EMPTY_STATE;
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
    const ports = new PortAllocator(portRange, random);
    this.#portals = new Portals({ relay, ports, bindAddress, logger });
  }

  /** Takes a new state. Its endpoints are in use when this returns; new portals open soon after. */
  update(state: ServiceState): void {
    if (this.#stopped) return;
    this.#state = state;
    this.#portals.route(state);
    this.#requestSync();
    this.#resyncTimer ??= setInterval(() => this.#requestSync(), this.#options.syncPeriodMs).unref();
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
    const state = this.#state;
    return [...state.servicePorts.values()]
      .map((servicePort) => {
        const portal = this.#portals.open.get(servicePort.name);
        return {
          servicePort,
          endpoints: state.endpoints.get(servicePort.name) ?? [],
          portal: portal === undefined ? null : { address: portal.address, port: portal.port },
          error: errorLine(this.#portals.errors.get(servicePort.name)),
        };
      })
      .sort((a, b) => (a.servicePort.name < b.servicePort.name ? -1 : 1));
  }

  syncProgress(): SyncProgress {
    return {
      pendingSince: this.#pendingSince,
      lastSynced: this.#lastSynced,
      succeeded: this.#succeeded,
      failed: this.#failed,
      errors: [this.#failure, ...[...this.#portals.errors.values()].map(errorLine)].filter(
        (line) => line !== null,
      ),
    };
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
    const { logger, now, steering } = this.#options;
    const started = now();
    const newest = (): ServiceState => this.#state;
    const state = newest();
    await this.#portals.reconcile(newest, () => this.#stopped);
    try {
      await steering.apply(redirectsOf(state, this.#portals.open));
    } catch (error) {
      this.#syncFailed(error);
      return;
    }
    this.#failure = null;
    this.#succeeded += 1;
    this.#lastSynced = now();
    this.#pendingSince = this.#again ? this.#requestedAt : null;
    logger.detail(2, 'sync done', {
      servicePorts: state.servicePorts.size,
      portals: this.#portals.open.size,
      ms: this.#lastSynced - started,
    });
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

function errorLine(error: KubeSpliceError | undefined): string | null {
  return error === undefined ? null : `${error.code}: ${error.message}`;
}

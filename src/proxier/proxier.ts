import { setImmediate as nextTurn } from 'node:timers/promises';
import type { PortRange } from '../config/proxy-config.js';
import { ephemeralPorts } from '../host/ephemeral-ports.js';
import type { Logger } from '../host/log.js';
import type { HoldPort } from '../host/port-reservation.js';
import { KubeSpliceError } from '../model/errors.js';
import type { ServicePortName } from '../model/service-port.js';
import { EMPTY_STATE, type ServiceState } from '../model/service-state.js';
import type { RelayEngine } from '../relay/engine.js';
import type { Redirect, Steering } from '../steering/steering.js';
import { NodePorts } from './node-ports.js';
import { PastPorts } from './past-ports.js';
import { PendingChanges } from './pending-changes.js';
import { PortAllocator } from './port-allocator.js';
import { Portals } from './portals.js';
import type { PortalCounts, ProxyView, ServicePortView, SyncProgress } from './proxy-view.js';
import { RedirectList } from './redirects.js';
import { errorLine, servicePortViews } from './service-port-views.js';
import { slicesOf } from './slices.js';
import { StateCounts } from './state-counts.js';
import { SteeringSync } from './steering-sync.js';
import { stateDifference } from './wanted-portals.js';
import { WaysBack } from './ways-back.js';

/** Service ports that a resync looks at in one turn of the event loop: a millisecond or two. */
const SLICE = 128;

/** How soon a sync that failed is tried again: so long, then twice as long each time, up to the sync period, ms. */
const FIRST_RETRY_MS = 1_000;

export interface ProxierOptions {
  readonly relay: RelayEngine;
  readonly steering: Steering;
  /** Where portals listen. */
  readonly bindAddress: string;
  /** Where those listen that are steered to over IPv6, too; as `bindAddress` where left out. */
  readonly bindAddressForIPv6?: () => Promise<string>;
  /** Takes a node port, so that no other program does. */
  readonly holdPort: HoldPort;
  readonly portRange: PortRange | null;
  /** The longest time between two syncs, ms: what someone else changed in the kernel is put right that soon. */
  readonly syncPeriodMs: number;
  readonly logger: Logger;
  /** ms since the epoch. */
  readonly now: () => number;
  /** ms, monotonic: durations are no matter of a clock that may be set. */
  readonly elapsed?: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Called when a sync has ended, well or not, with how long it took. */
  readonly syncEnded?: (durationMs: number) => void;
  /** Called when a change of endpoints is in force, with how long ago what it was made for happened, where that is known. */
  readonly programmed?: (sinceMs: number) => void;
}

/** One moment, on the clock of the host and on the one that nobody sets. */
interface Moment {
  readonly at: number;
  readonly elapsed: number;
}

/**
 * Makes portals and packet rules equal to the newest state, over and over:
 *
 *     update(state) ──▶ endpoints and affinity of open portals: at once, a table swap in the relay
 *           └─────────▶ sync: portals that are gone are closed, new ones opened, node ports held, then steering is
 *                             applied
 *
 * One sync at a time. States that arrive during a sync coalesce into the next one. A sync after a change looks at what
 * changed, so that it costs the same with ten Services and with ten thousand; every `syncPeriodMs` one looks at
 * everything: nothing that was missed or failed lasts.
 */
export class Proxier implements ProxyView {
  readonly #options: ProxierOptions;
  readonly #portals: Portals;
  readonly #redirects = new RedirectList();
  readonly #stateCounts = new StateCounts();
  #state: ServiceState = EMPTY_STATE;
  /** Service ports that the next sync is to look at. */
  #changed = new Set<ServicePortName>();
  /** The next sync is to look at everything. */
  #resyncDue = false;
  readonly #steering: SteeringSync;
  readonly #pendingChanges: PendingChanges;
  #lastQueued: number | null = null;
  readonly #nodePorts: NodePorts;
  readonly #ports: PortAllocator;
  #resyncTimer: NodeJS.Timeout | undefined;
  #syncPeriodMs: number;
  #retryTimer: NodeJS.Timeout | undefined;
  #retryMs = FIRST_RETRY_MS;
  #running: Promise<void> | undefined;
  /** A sync is due, since `#requestedAt`, beside the one that may be running. */
  #again = false;
  #requestedAt: Moment = { at: 0, elapsed: 0 };
  #stopped = false;
  #pendingSince: Moment | null = null;
  /** Whether rules of an earlier run have been asked which ports the portals had. */
  #knowsPast = false;
  #lastSynced: number | null = null;
  #begun = 0;
  #succeeded = 0;
  #failed = 0;
  #failure: string | null = null;
  #succeededOnce: () => void = () => undefined;
  readonly #firstSuccess = new Promise<void>((resolve) => {
    this.#succeededOnce = resolve;
  });

  constructor(options: ProxierOptions) {
    this.#options = options;
    this.#syncPeriodMs = options.syncPeriodMs;
    const { relay, steering, bindAddress, bindAddressForIPv6, logger, portRange, random } = options;
    this.#ports = new PortAllocator(portRange, random, ephemeralPorts());
    const waysBack = new WaysBack({
      // Without rules of ours it is for others to say where traffic goes.
      steered: (protocol, address, port) =>
        steering.kind === 'none' ? [] : this.#redirects.servicePortsAt(protocol, address, port),
      portal: (protocol, port) => this.#portals.servicePortOn(protocol, port),
    });
    this.#portals = new Portals({
      relay,
      ports: this.#ports,
      bindAddress,
      bindAddressForIPv6: bindAddressForIPv6 ?? (() => Promise.resolve(bindAddress)),
      logger,
      waysBack: (...of) => waysBack.among(...of),
    });
    this.#steering = new SteeringSync(steering, logger);
    this.#pendingChanges = new PendingChanges(options.now());
    this.#nodePorts = new NodePorts({ hold: options.holdPort, logger });
  }

  /** Takes a new state. Its endpoints are in use when this returns; new portals open soon after. */
  update(state: ServiceState): void {
    if (this.#stopped) return;
    const difference = stateDifference(this.#state, state);
    const changed = new Set([...difference.services, ...difference.endpoints]);
    this.#pendingChanges.note(difference, state.endpointsTriggeredAt);
    this.#state = state;
    this.#portals.route(changed, state);
    for (const name of changed) this.#changed.add(name);
    this.#requestSync();
    this.#resyncTimer ??= setInterval(() => this.#requestResync(), this.#syncPeriodMs).unref();
  }

  /** Looks at everything now, and so often from now on, ms: what rules are made by is another. */
  lookAnew(syncPeriodMs: number): void {
    this.#syncPeriodMs = syncPeriodMs;
    if (this.#resyncTimer === undefined || this.#stopped) return;
    clearInterval(this.#resyncTimer);
    this.#resyncTimer = setInterval(() => this.#requestResync(), syncPeriodMs).unref();
    this.#requestResync();
  }

  /** Resolves when no sync is running or due. Rejects with what a sync did not expect: a fault of the program. */
  async settled(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  /** Resolves when a sync has ended well for the first time. */
  synced(): Promise<void> {
    return this.#firstSuccess;
  }

  /** Ends after the sync that is running, and lets go of the node ports. Portals and rules stay as they are. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#resyncTimer);
    clearTimeout(this.#retryTimer);
    await this.settled();
    await this.#nodePorts.close();
  }

  servicePorts(): readonly ServicePortView[] {
    return servicePortViews(this.#state, this.#portals);
  }

  redirects(name: ServicePortName): readonly Redirect[] {
    return this.#options.steering.kind === 'none' ? [] : this.#redirects.of(name);
  }

  counts(): PortalCounts {
    return {
      servicePorts: this.#state.servicePorts.size,
      portals: this.#portals.open.size,
      ...this.#stateCounts.of(this.#state),
    };
  }

  syncProgress(): SyncProgress {
    return {
      pendingSince: this.#pendingSince?.at ?? null,
      pendingForMs: this.#pendingSince === null ? null : this.#elapsed() - this.#pendingSince.elapsed,
      lastSynced: this.#lastSynced,
      begun: this.#begun,
      succeeded: this.#succeeded,
      failed: this.#failed,
      errors: [
        this.#failure,
        ...Array.from(this.#portals.failed.values(), ({ error }) => errorLine(error)),
        ...Array.from(this.#nodePorts.failed.values(), ({ error }) => errorLine(error)),
        ...this.#steering.problems,
      ].filter((line) => line !== null),
      lastQueued: this.#lastQueued,
      changes: this.#pendingChanges.counts,
      ruleCounts: this.#options.steering.ruleCounts(),
    };
  }

  #elapsed(): number {
    return this.#options.elapsed?.() ?? performance.now();
  }

  #requestResync(): void {
    this.#resyncDue = true;
    this.#requestSync();
  }

  #requestSync(): void {
    if (this.#stopped) return;
    const now = this.#options.now();
    this.#lastQueued = now;
    if (!this.#again) this.#requestedAt = { at: now, elapsed: this.#elapsed() };
    this.#pendingSince ??= this.#requestedAt;
    this.#again = true;
    this.#running ??= this.#syncUntilSettled();
  }

  async #syncUntilSettled(): Promise<void> {
    try {
      while (this.#again && !this.#stopped) {
        this.#again = false;
        this.#begun += 1;
        const started = this.#elapsed();
        await this.#sync();
        this.#options.syncEnded?.(this.#elapsed() - started);
      }
    } finally {
      this.#running = undefined;
    }
  }

  async #sync(): Promise<void> {
    const { logger, now } = this.#options;
    const started = this.#elapsed();
    const everything = this.#resyncDue;
    const changed = this.#changed.size;
    this.#resyncDue = false;
    this.#pendingChanges.syncBegins();
    if (!this.#knowsPast) await this.#learnPast();
    let redirects = await this.#reconcile([]);
    if (everything) {
      for (const slice of slicesOf(this.#everyServicePort(), SLICE)) {
        await nextTurn();
        redirects = await this.#reconcile(slice);
      }
    }
    try {
      await this.#steering.apply(redirects, this.#portals.guarded, everything);
    } catch (error) {
      this.#syncFailed(error);
      return;
    }
    // The rules that led back, if any did, are gone.
    this.#portals.route([...this.#portals.marked], this.#state);
    this.#ports.settle();
    this.#portals.past = new PastPorts();
    if (await this.#portals.closeReplaced(this.#state)) this.#requestResync();
    this.#failure = null;
    this.#retryMs = FIRST_RETRY_MS;
    this.#succeeded += 1;
    this.#succeededOnce();
    this.#lastSynced = now();
    for (const sinceMs of this.#pendingChanges.syncSucceeded(this.#lastSynced))
      this.#options.programmed?.(sinceMs);
    this.#pendingSince = this.#again ? this.#requestedAt : null;
    logger.detail(2, 'sync done', {
      servicePorts: this.#state.servicePorts.size,
      changed,
      portals: this.#portals.open.size,
      ms: Math.round(this.#elapsed() - started),
    });
  }

  async #learnPast(): Promise<void> {
    this.#knowsPast = true;
    const past = new PastPorts(await this.#options.steering.past());
    this.#ports.rest(past.all());
    this.#portals.past = past;
    const kept = this.#portals.keep();
    // Old rules lead to those still: what leads back through them is known before they are taken over.
    const ofKept = new Set(this.#portals.servicePorts());
    this.#redirects.update(ofKept, this.#state, kept);
    for (const name of ofKept) this.#changed.add(name);
  }

  /** Portals as they should be now for these service ports and those that changed. Resolves with the redirects that there are then. */
  async #reconcile(some: Iterable<ServicePortName>): Promise<readonly Redirect[]> {
    // With all that changed by now: redirects are of one state, or two that swapped an address would seem to both claim it.
    const servicePorts = new Set([...some, ...this.#changed]);
    this.#changed = new Set();
    const state = this.#state;
    // Without rules nothing is steered from a node port: the port is left to others.
    const steers = this.#options.steering.kind !== 'none';
    let affected: ReadonlySet<ServicePortName> = servicePorts;
    const holdNodePorts = async (): Promise<void> => {
      if (steers) affected = await this.#nodePorts.reconcile(servicePorts, state);
    };
    const newest = (): ServiceState => this.#state;
    const looked = await this.#portals.reconcile(servicePorts, newest, () => this.#stopped, holdNodePorts);
    const isHeld = (name: ServicePortName): boolean => !steers || this.#nodePorts.isHeld(name);
    const touched = new Set([...looked, ...affected]);
    const redirects = this.#redirects.update(touched, state, this.#portals.open, isHeld);
    // A ring closes at a service port that changed: before rules lead around it, it is cut there.
    this.#portals.mark(touched, this.#state);
    return redirects;
  }

  /** Those of the state, and any that a portal or a redirect is left of; some maybe twice. */
  *#everyServicePort(): Generator<ServicePortName, undefined> {
    const { servicePorts } = this.#state;
    yield* servicePorts.keys();
    // Taken at once: whoever looks at them changes the maps that they come from.
    const others = [...this.#portals.servicePorts(), ...this.#redirects.servicePorts()];
    for (const name of others) if (!servicePorts.has(name)) yield name;
  }

  /** The old rules stand; it is tried again soon. Told once for as long as the reason is the same. */
  #syncFailed(error: unknown): void {
    this.#failed += 1;
    const { logger, steering } = this.#options;
    const isKnown = error instanceof KubeSpliceError;
    const line = isKnown ? errorLine(error) : error instanceof Error ? error.message : String(error);
    const remedy = isKnown ? { remedy: error.remedy } : {};
    if (this.#failure !== line)
      logger.error('sync failed', { steering: steering.kind, error: line, ...remedy });
    this.#failure = line;
    if (this.#stopped) return;
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => this.#requestSync(), this.#retryMs).unref();
    this.#retryMs = Math.min(2 * this.#retryMs, this.#syncPeriodMs);
  }
}

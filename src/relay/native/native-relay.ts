import type { Logger } from '../../host/log.js';
import { KubeSpliceError } from '../../model/errors.js';
import type { ServicePortName } from '../../model/service-port.js';
import type {
  AffinityBinding,
  OpenPortal,
  PortalAddress,
  PortalCounters,
  PortalRequest,
  PortalRouting,
  RelayEngine,
  RelayObserver,
  RelayProcessFigures,
  RelaySettings,
} from '../engine.js';
import { type DesiredPortal, PortalBook } from './portal-book.js';
import { PortalLimits } from './portal-limits.js';
import { refusedOpen } from './refused-open.js';
import { type Answer, type RelayConnection, RelayRefusal } from './relay-connection.js';
import { askAffinity, askCounters, askProcess } from './relay-figures.js';
import { RelayLink } from './relay-link.js';
import type { Greeting } from './relay-protocol.js';
import * as protocol from './relay-protocol.js';
import { parsePortalAddress, parsePortals, type RelayEvent } from './relay-replies.js';
import { settle, type WantedSettings } from './relay-settings.js';
import type { RelaySource } from './relay-source.js';

export interface NativeRelayOptions extends WantedSettings {
  readonly source: RelaySource;
  readonly observer: RelayObserver;
  readonly logger: Logger;
  /** ms that the answer to a request may take. */
  readonly patienceMs?: number | undefined;
}

/** How long `open` waits for a relay that is away, ms. */
const OPEN_PATIENCE_MS = 5_000;
/** A portal that a relay which came back could not open is tried again so often. */
const REOPEN_INTERVAL_MS = 1_000;
/** How long after the grace the relay is made to end, ms. */
const END_PATIENCE_MS = 2_000;

/**
 * The relay in C++ (`native/`), in a process of its own. This side holds what is desired; the relay has it as long as it is
 * there, and is told all of it when it comes back. What clients and endpoints send never passes through here.
 */
export class NativeRelay implements RelayEngine {
  readonly kind = 'native';
  readonly #options: NativeRelayOptions;
  /** What it was made with, then what `configure` was told last. */
  #settings: WantedSettings;
  readonly #link: RelayLink;
  readonly #book = new PortalBook();
  readonly #limits: PortalLimits;
  readonly #opening = new Set<ServicePortName>();
  /** A name that is being closed is opened again only then. */
  readonly #closing = new Map<ServicePortName, Promise<void>>();
  #lastCounters: ReadonlyMap<ServicePortName, PortalCounters> = new Map();
  #greeting: Greeting | undefined;
  #shutdown: Promise<void> | undefined;
  #cut: number | null = null;
  #reopenTimer: NodeJS.Timeout | undefined;

  /**
   * Resolves once the relay is there; `portals()` has what it kept then.
   *
   * @throws the reason why the relay can't be had.
   */
  static async start(options: NativeRelayOptions): Promise<NativeRelay> {
    const relay = new NativeRelay(options);
    try {
      await relay.#link.start();
    } catch (error) {
      await relay.#link.stop();
      throw error;
    }
    return relay;
  }

  private constructor(options: NativeRelayOptions) {
    this.#options = options;
    this.#settings = options;
    this.#limits = new PortalLimits(options.logger);
    this.#link = new RelayLink({
      source: options.source,
      logger: options.logger,
      event: (event) => this.#heard(event),
      introduce: (connection) => this.#introduce(connection),
      patienceMs: options.patienceMs,
    });
  }

  /** What the relay that is there, or was last, says of itself. */
  get greeting(): Greeting | undefined {
    return this.#greeting;
  }

  /** The relay's process; `undefined` while it is away. */
  get pid(): number | undefined {
    return this.#link.ready?.greeting.pid;
  }

  async open(request: PortalRequest): Promise<PortalAddress> {
    const { name } = request;
    const obstacle = this.#obstacleToOpening(name);
    if (obstacle !== undefined) throw new KubeSpliceError('PORTAL_OPEN_FAILED', `${name}: ${obstacle}`);
    this.#opening.add(name);
    try {
      await this.#closing.get(name);
      const opened = await this.#askToOpen(request);
      if (this.#shutdown !== undefined) throw new Error('the relay is shutting down');
      this.#book.opened(request, opened.port);
      return opened;
    } catch (error) {
      // One that was kept is closed already where the new port is held by another.
      if (error instanceof RelayRefusal && this.#book.isKept(name)) await this.close(name);
      throw refusedOpen(request, error);
    } finally {
      this.#opening.delete(name);
    }
  }

  async route(name: ServicePortName, routing: PortalRouting): Promise<void> {
    const desired = this.#book.desired.get(name);
    if (desired === undefined) return;
    desired.routing = routing;
    const isOver = () => this.#book.desired.get(name) !== desired || desired.told === desired.routing;
    await this.#untilDone(isOver, async (connection) => {
      const sent = desired.routing;
      // The relay has it by way of `portal`, or will be asked for it again.
      if (desired.told === undefined) return;
      try {
        await Promise.all([
          connection.request(protocol.route(name, sent)),
          this.#limits.tell(connection, name, sent.maxConnections),
        ]);
        desired.told = sent;
      } catch (error) {
        if (!(error instanceof RelayRefusal) || error.code !== 'NO_PORTAL') throw error;
        // Another peer closed it.
        desired.told = undefined;
        this.#reopenLater();
      }
    });
  }

  configure(settings: RelaySettings): Promise<void> {
    const wanted = { ...this.#settings, ...settings };
    this.#settings = wanted;
    // One that comes meanwhile is introduced with the newest.
    const isOver = () => this.#settings !== wanted || this.#shutdown !== undefined;
    return this.#untilDone(isOver, (connection) => settle(connection, wanted, this.#options.logger));
  }

  close(name: ServicePortName): Promise<void> {
    if (!this.#book.remove(name)) return this.#closing.get(name) ?? Promise.resolve();
    const closing = this.#untilDone(
      () => false,
      async (connection) => {
        await connection.request(protocol.close(name));
      },
    ).finally(() => this.#closing.delete(name));
    this.#closing.set(name, closing);
    return closing;
  }

  portals(): ReadonlyMap<ServicePortName, OpenPortal> {
    return this.#book.portals();
  }

  /** Those that were told last while the relay is away. */
  async counters(): Promise<ReadonlyMap<ServicePortName, PortalCounters>> {
    try {
      const connection = this.#link.ready;
      if (connection !== undefined) this.#lastCounters = await askCounters(connection);
    } catch (error) {
      this.#options.logger.detail(2, 'the relay tells no counters', { error: message(error) });
    }
    return this.#book.counters(this.#lastCounters);
  }

  process(): Promise<RelayProcessFigures | null> {
    return this.#told(askProcess);
  }

  affinity(name: ServicePortName, clientAddress: string): Promise<AffinityBinding | null> {
    return this.#told((connection) => askAffinity(connection, name, clientAddress));
  }

  /** Null where the relay is away, or does not answer. */
  async #told<T>(ask: (connection: RelayConnection) => Promise<T | null>): Promise<T | null> {
    const connection = this.#link.ready;
    try {
      return connection === undefined ? null : await ask(connection);
    } catch (error) {
      this.#options.logger.detail(2, 'the relay does not answer', { error: message(error) });
      return null;
    }
  }

  get cut(): number | null {
    return this.#cut;
  }

  shutdown(graceMs: number): Promise<void> {
    clearTimeout(this.#reopenTimer);
    this.#link.stopConnecting();
    const end = this.#end(graceMs);
    this.#shutdown ??= end.finally(() => this.#book.clear());
    return this.#shutdown;
  }

  /** A relay that is not ours goes on; one that is lets what is open end. */
  async #end(graceMs: number): Promise<void> {
    const { source } = this.#options;
    const connection = this.#link.ready;
    if (source.ownsRelay && connection !== undefined) {
      const asked = connection.request(protocol.shutdown(graceMs), Number.POSITIVE_INFINITY);
      const told = ({ ok }: Answer): void => {
        // One that only says `ok` doesn't tell.
        this.#cut = /^\d{1,15}$/.test(ok) ? Number(ok) : null;
      };
      const ended = asked.then(told, async (error: unknown) => {
        // Not understood a second time: it ends with its connection when this grace is over.
        if (error instanceof RelayRefusal) await elapsed(graceMs);
      });
      await Promise.race([ended, source.stop(graceMs + END_PATIENCE_MS)]);
    }
    await this.#link.stop();
  }

  #obstacleToOpening(name: ServicePortName): string | undefined {
    if (this.#shutdown !== undefined) return 'the relay is shutting down';
    if (this.#book.desired.has(name) || this.#opening.has(name)) return 'it has a portal already';
    if (!protocol.canBeNamed(name)) return 'its name cannot be told to the relay';
    return undefined;
  }

  async #askToOpen(request: PortalRequest): Promise<PortalAddress> {
    const deadline = performance.now() + OPEN_PATIENCE_MS;
    for (;;) {
      const connection = await this.#connectedBefore(deadline);
      if (this.#shutdown !== undefined) throw new Error('the relay is shutting down');
      if (connection === undefined) throw new Error('the relay is away');
      try {
        const [opened] = await Promise.all([
          connection.ask(protocol.portal(request), ({ ok }) => parsePortalAddress(ok)),
          this.#limits.tell(connection, request.name, request.routing.maxConnections),
        ]);
        return opened;
      } catch (error) {
        if (error instanceof RelayRefusal) throw error;
      }
    }
  }

  async #connectedBefore(deadline: number): Promise<RelayConnection | undefined> {
    if (this.#link.ready !== undefined) return this.#link.ready;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(resolve, Math.max(0, deadline - performance.now()), undefined);
    });
    return Promise.race([this.#link.connected(), late]).finally(() => clearTimeout(timer));
  }

  /** Asks until there is an answer, of each relay that comes; never rejects. */
  async #untilDone(
    isOver: () => boolean,
    ask: (connection: RelayConnection) => Promise<void>,
  ): Promise<void> {
    for (;;) {
      const connection = await this.#link.connected();
      if (connection === undefined || isOver()) return;
      try {
        await ask(connection);
        return;
      } catch (error) {
        if (error instanceof RelayRefusal) {
          this.#options.logger.error('the relay refuses', { error: error.message });
          return;
        }
      }
    }
  }

  /** Everything that is desired, in two round trips. Nothing is closed at the first one: nothing is desired yet. */
  async #introduce(connection: RelayConnection): Promise<void> {
    const first = this.#greeting === undefined;
    const [, , , portals] = await Promise.all([
      connection.request(protocol.hello()),
      settle(connection, this.#settings, this.#options.logger),
      connection.request(['events']),
      connection.ask(['portals'], ({ lines }) => parsePortals(lines)),
    ]);
    this.#greeting = connection.greeting;
    this.#book.relayHas(portals, first);
    if (first) {
      this.#limits.keptBefore(portals.keys());
      return;
    }
    const kept = connection.request(protocol.keep(this.#book.names()));
    await Promise.all([
      kept,
      ...[...this.#book.desired.values()].map((desired) => this.#give(connection, desired)),
    ]);
    this.#reopenLater();
  }

  /** What can't be opened is tried again later; everything else is served meanwhile. */
  async #give(connection: RelayConnection, desired: DesiredPortal): Promise<void> {
    const { routing } = desired;
    try {
      await Promise.all([
        connection.request(protocol.portal({ ...desired.request, routing })),
        this.#limits.tell(connection, desired.request.name, routing.maxConnections),
      ]);
      desired.told = routing;
    } catch (error) {
      if (!(error instanceof RelayRefusal)) throw error;
      const { code, message, remedy } = refusedOpen(desired.request, error);
      this.#options.logger.error(`${code}: ${message}`, { remedy });
    }
  }

  #reopenLater(): void {
    clearTimeout(this.#reopenTimer);
    if (this.#missing().length === 0 || this.#shutdown !== undefined) return;
    this.#reopenTimer = setTimeout(() => void this.#reopen(), REOPEN_INTERVAL_MS).unref();
  }

  async #reopen(): Promise<void> {
    const connection = this.#link.ready;
    // Where it is away, it is told everything when it is back.
    if (connection === undefined) return;
    const missing = this.#missing();
    await Promise.all(missing.map((desired) => this.#give(connection, desired))).catch(ignore);
    // What was to change meanwhile was not told: the relay did not have it.
    for (const { request, routing, told } of missing) {
      if (told !== undefined && told !== routing) void this.route(request.name, routing);
    }
    this.#reopenLater();
  }

  #missing(): readonly DesiredPortal[] {
    return [...this.#book.desired.values()].filter(({ told }) => told === undefined);
  }

  #heard(event: RelayEvent): void {
    const { observer, logger } = this.#options;
    switch (event.kind) {
      case 'failure':
        // Another peer's portal may have a name that no service port has. One that was closed fails still.
        if (event.failure.name.includes('/')) observer.failure(event.failure);
        break;
      case 'files-exhausted':
        observer.filesExhausted(event.limit);
        break;
      case 'connections-exhausted':
        // As above.
        if (event.name === null || event.name.includes('/'))
          observer.connectionsExhausted(event.name, event.limit);
        break;
      case 'files-available':
        observer.filesAvailable();
        break;
      case 'udp-sessions-exhausted':
        observer.udpSessionsExhausted(event.limit);
        break;
      case 'lost':
        logger.warn('more failed than the relay could tell', { untold: event.events });
        break;
      case 'refused':
        break;
    }
  }
}

function ignore(): void {}

function elapsed(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.min(2 ** 31 - 1, ms)));
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

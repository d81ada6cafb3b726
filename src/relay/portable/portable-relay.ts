import { localAddresses } from '../../host/local-addresses.js';
import { parseAddress } from '../../model/address.js';
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
  RelaySettings,
} from '../engine.js';
import { ConnectionLimit } from './connection-limit.js';
import { FileBudget } from './file-budget.js';
import { HalfClosedConnections } from './half-closed-connections.js';
import { LocalAddresses } from './local-addresses.js';
import { TcpAdmission } from './tcp-admission.js';
import { TcpPortal } from './tcp-portal.js';
import { UdpPortal } from './udp-portal.js';
import { UdpSessionTable } from './udp-session-table.js';

export interface PortableRelayOptions {
  /** ms without a datagram either way after which a UDP session ends. */
  readonly udpIdleTimeoutMs: number;
  /** ms without a byte either way after which a connection of which one side has finished is reset; never where 0 or left out. */
  readonly halfClosedTimeoutMs?: number | undefined;
  /** ms after which it ends while it owes an answer, where that is longer; 0 where left out. */
  readonly udpReplyTimeoutMs?: number;
  /** TCP connections that may be open at once, of all portals together; 0, or left out, is no limit. */
  readonly maxConnections?: number;
  /** File descriptors the relay may hold. */
  readonly maxOpenFiles: number;
  readonly maxUdpSessions: number;
  readonly observer: RelayObserver;
  /** ms, monotonic. */
  readonly now?: () => number;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
  /** The addresses that a bind address stands for; looked at again every ten seconds. */
  readonly localAddresses?: (bindAddress: string) => readonly string[];
}

/** How often UDP portals look for addresses that the host has gained or lost. */
const ADDRESS_INTERVAL_MS = 10_000;

/**
 * The relay in TypeScript, on `node:net` and `dgram-as-promised`, in this process. It runs wherever Node does.
 *
 * Portals come and go by name; connections (in `TcpAdmission`) live beside them and outlive their portal. A UDP session
 * answers through its portal's socket, and so ends with it.
 */
export class PortableRelay implements RelayEngine {
  readonly kind = 'portable';
  readonly #portals = new Map<ServicePortName, TcpPortal | UdpPortal>();
  /** Names being opened: a second open of the same name must not slip in between. */
  readonly #opening = new Set<ServicePortName>();
  readonly #files: FileBudget;
  readonly #admission: TcpAdmission;
  readonly #halfClosed: HalfClosedConnections;
  /** Of all portals together. */
  readonly #connections: ConnectionLimit;
  readonly #sessions: UdpSessionTable;
  readonly #observer: RelayObserver;
  readonly #random: () => number;
  readonly #now: () => number;
  readonly #localAddresses: LocalAddresses;
  readonly #addressTimer: NodeJS.Timeout;
  #shutdown: Promise<void> | undefined;
  #endGrace: () => void = () => undefined;
  #cut: number | null = null;

  constructor(options: PortableRelayOptions) {
    this.#observer = options.observer;
    this.#random = options.random ?? Math.random;
    this.#now = options.now ?? (() => performance.now());
    this.#localAddresses = new LocalAddresses(options.localAddresses ?? localAddresses, this.#now);
    this.#files = new FileBudget(options.maxOpenFiles);
    this.#halfClosed = new HalfClosedConnections(options.halfClosedTimeoutMs ?? 0);
    this.#connections = new ConnectionLimit(options.maxConnections);
    this.#admission = new TcpAdmission(
      this.#files,
      this.#observer,
      this.#now,
      this.#halfClosed,
      this.#connections,
    );
    this.#sessions = new UdpSessionTable({
      idleTimeoutMs: options.udpIdleTimeoutMs,
      replyTimeoutMs: options.udpReplyTimeoutMs ?? 0,
      maxSessions: options.maxUdpSessions,
      now: this.#now,
      full: () => this.#observer.udpSessionsExhausted(options.maxUdpSessions),
    });
    this.#addressTimer = setInterval(() => this.refreshLocalAddresses(), ADDRESS_INTERVAL_MS).unref();
  }

  async open(request: PortalRequest): Promise<PortalAddress> {
    const { name } = request;
    const obstacle = this.#obstacleToOpening(name);
    if (obstacle !== undefined) throw new KubeSpliceError('PORTAL_OPEN_FAILED', `${name}: ${obstacle}`);
    this.#opening.add(name);
    try {
      const portal = await (request.protocol === 'TCP' ? this.#openTcp(request) : this.#openUdp(request));
      if (this.#shutdown !== undefined) {
        await portal.close();
        throw new KubeSpliceError('PORTAL_OPEN_FAILED', `${name}: the relay is shutting down`);
      }
      this.#portals.set(name, portal);
      const { address, port } = portal.address();
      return { address, port };
    } finally {
      this.#opening.delete(name);
    }
  }

  /** In force when it returns, not only when it resolves. */
  route(name: ServicePortName, routing: PortalRouting): Promise<void> {
    this.#portals.get(name)?.route(routing);
    return Promise.resolve();
  }

  /** In force when it returns, not only when it resolves. */
  configure(settings: RelaySettings): Promise<void> {
    const { udpIdleTimeoutMs, udpReplyTimeoutMs, halfClosedTimeoutMs, maxConnections } = settings;
    this.#sessions.setTimeouts({ idleTimeoutMs: udpIdleTimeoutMs, replyTimeoutMs: udpReplyTimeoutMs });
    this.#halfClosed.timeoutMs = halfClosedTimeoutMs;
    this.#connections.set(maxConnections);
    this.#admission.letIn();
    return Promise.resolve();
  }

  async close(name: ServicePortName): Promise<void> {
    const portal = this.#portals.get(name);
    this.#portals.delete(name);
    await portal?.close();
    if (portal instanceof TcpPortal) this.#files.give(1);
  }

  portals(): ReadonlyMap<ServicePortName, OpenPortal> {
    return new Map([...this.#portals].map(([name, portal]) => [name, portal.address()]));
  }

  counters(): Promise<ReadonlyMap<ServicePortName, PortalCounters>> {
    return Promise.resolve(new Map([...this.#portals].map(([name, portal]) => [name, portal.counters()])));
  }

  process(): Promise<null> {
    return Promise.resolve(null);
  }

  affinity(name: ServicePortName, clientAddress: string): Promise<AffinityBinding | null> {
    // One with a zone (`fe80::1%eth0`) is known as the system writes it.
    const client = parseAddress(clientAddress)?.address ?? clientAddress;
    return Promise.resolve(this.#portals.get(name)?.affinity(client) ?? null);
  }

  /** Makes UDP portals listen on addresses that the host has gained, and no longer on those it has lost. */
  refreshLocalAddresses(): void {
    this.#localAddresses.forget();
    for (const portal of this.#portals.values()) {
      // An address whose port another program holds is tried again at the next look.
      if (portal instanceof UdpPortal) portal.listenOnLocalAddresses().catch(() => undefined);
    }
  }

  get cut(): number | null {
    return this.#cut;
  }

  shutdown(graceMs: number): Promise<void> {
    this.#shutdown ??= this.#endEverything();
    const timer = setTimeout(this.#endGrace, graceMs);
    return this.#shutdown.finally(() => clearTimeout(timer));
  }

  async #endEverything(): Promise<void> {
    const graceOver = new Promise<void>((resolve) => {
      this.#endGrace = resolve;
    });
    clearInterval(this.#addressTimer);
    const portals = [...this.#portals.values()];
    const udpPortals = portals.filter((portal) => portal instanceof UdpPortal);
    for (const portal of portals) if (portal instanceof TcpPortal) portal.close();
    const drained = this.#admission.drain();
    await Promise.race([graceOver, Promise.all([drained, ...udpPortals.map((portal) => portal.drain())])]);
    const sessions = udpPortals.reduce((sum, { openSessions }) => sum + openSessions, 0);
    this.#cut = this.#admission.abort() + sessions;
    await Promise.all(udpPortals.map((portal) => portal.close()));
    await drained;
    this.#portals.clear();
  }

  #obstacleToOpening(name: ServicePortName): string | undefined {
    if (this.#shutdown !== undefined) return 'the relay is shutting down';
    if (this.#portals.has(name) || this.#opening.has(name)) return 'it has a portal already';
    // Another portal would be of no use where there is nothing left for its connections.
    if (!this.#files.hasRoomFor(1))
      return `all ${this.#files.limit} files that the relay may open are in use`;
    return undefined;
  }

  async #openTcp(request: PortalRequest): Promise<TcpPortal> {
    const portal = await TcpPortal.open(request, {
      random: this.#random,
      now: this.#now,
      placesChanged: () => this.#admission.letIn(),
      admit: (client, address, to) => this.#admission.admit(client, address, to),
    });
    this.#files.take(1);
    return portal;
  }

  #openUdp(request: PortalRequest): Promise<UdpPortal> {
    return UdpPortal.open(request, {
      observer: this.#observer,
      random: this.#random,
      now: this.#now,
      sessions: this.#sessions,
      files: this.#files,
      localAddresses: (bindAddress) => this.#localAddresses.of(bindAddress),
    });
  }
}

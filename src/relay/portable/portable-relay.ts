import { localAddresses } from '../../host/local-addresses.js';
import { KubeSpliceError } from '../../model/errors.js';
import type { ServicePortName } from '../../model/service-port.js';
import type {
  OpenPortal,
  PortalAddress,
  PortalCounters,
  PortalRequest,
  PortalRouting,
  RelayEngine,
  RelayObserver,
} from '../engine.js';
import { FileBudget } from './file-budget.js';
import { TcpAdmission } from './tcp-admission.js';
import { TcpPortal } from './tcp-portal.js';
import { UdpPortal } from './udp-portal.js';
import { UdpSessionTable } from './udp-session-table.js';

export interface PortableRelayOptions {
  /** ms without a datagram either way after which a UDP session ends. */
  readonly udpIdleTimeoutMs: number;
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
  readonly #sessions: UdpSessionTable;
  readonly #observer: RelayObserver;
  readonly #random: () => number;
  readonly #now: () => number;
  readonly #localAddresses: (bindAddress: string) => readonly string[];
  readonly #addressTimer: NodeJS.Timeout;
  #shutdown: Promise<void> | undefined;

  constructor(options: PortableRelayOptions) {
    this.#observer = options.observer;
    this.#random = options.random ?? Math.random;
    this.#now = options.now ?? (() => performance.now());
    this.#localAddresses = options.localAddresses ?? localAddresses;
    this.#files = new FileBudget(options.maxOpenFiles);
    this.#admission = new TcpAdmission(this.#files, this.#observer, this.#now);
    this.#sessions = new UdpSessionTable({
      idleTimeoutMs: options.udpIdleTimeoutMs,
      maxSessions: options.maxUdpSessions,
      now: this.#now,
      full: () => this.#observer.udpSessionsExhausted(options.maxUdpSessions),
    });
    this.#addressTimer = setInterval(() => this.refreshLocalAddresses(), ADDRESS_INTERVAL_MS).unref();
  }

  async open(request: PortalRequest): Promise<PortalAddress> {
    const { name } = request;
    if (this.#shutdown !== undefined || this.#portals.has(name) || this.#opening.has(name)) {
      const why = this.#shutdown === undefined ? 'it has a portal already' : 'the relay is shutting down';
      throw new KubeSpliceError('PORTAL_OPEN_FAILED', `${name}: ${why}`);
    }
    this.#opening.add(name);
    try {
      const portal = await (request.protocol === 'TCP' ? this.#openTcp(request) : this.#openUdp(request));
      this.#portals.set(name, portal);
      const { address, port } = portal.address();
      return { address, port };
    } finally {
      this.#opening.delete(name);
    }
  }

  route(name: ServicePortName, routing: PortalRouting): void {
    this.#portals.get(name)?.route(routing);
  }

  async close(name: ServicePortName): Promise<void> {
    const portal = this.#portals.get(name);
    this.#portals.delete(name);
    await portal?.close();
    if (portal instanceof TcpPortal) this.#files.give(1);
    this.#admission.roomMade();
  }

  portals(): ReadonlyMap<ServicePortName, OpenPortal> {
    return new Map([...this.#portals].map(([name, portal]) => [name, portal.address()]));
  }

  counters(): Promise<ReadonlyMap<ServicePortName, PortalCounters>> {
    return Promise.resolve(new Map([...this.#portals].map(([name, portal]) => [name, portal.counters()])));
  }

  /** Makes UDP portals listen on addresses that the host has gained, and no longer on those it has lost. */
  refreshLocalAddresses(): void {
    for (const portal of this.#portals.values()) {
      // An address whose port another program holds is tried again at the next look.
      if (portal instanceof UdpPortal) portal.listenOnLocalAddresses().catch(() => undefined);
    }
  }

  shutdown(graceMs: number): Promise<void> {
    this.#shutdown ??= this.#endEverything(graceMs);
    return this.#shutdown;
  }

  async #endEverything(graceMs: number): Promise<void> {
    clearInterval(this.#addressTimer);
    const portals = [...this.#portals.values()];
    await Promise.all(portals.map((portal) => (portal instanceof TcpPortal ? portal.close() : undefined)));
    const drained = this.#admission.drain();
    const sessionsEnded = portals.map((portal) => (portal instanceof UdpPortal ? portal.drain() : undefined));
    await withinGrace(Promise.all([drained, ...sessionsEnded]), graceMs);
    this.#admission.abort();
    await Promise.all(portals.map((portal) => (portal instanceof UdpPortal ? portal.close() : undefined)));
    await drained;
    this.#portals.clear();
  }

  async #openTcp(request: PortalRequest): Promise<TcpPortal> {
    const portal = await TcpPortal.open(request, {
      random: this.#random,
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
      localAddresses: this.#localAddresses,
    });
  }
}

/** Waits for `ended`, but no longer than `graceMs`. */
async function withinGrace(ended: Promise<unknown>, graceMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const grace = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, graceMs);
  });
  await Promise.race([ended, grace]);
  clearTimeout(timer);
}

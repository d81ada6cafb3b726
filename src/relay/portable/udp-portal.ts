import type { RemoteInfo } from 'node:dgram';
import type { SocketAsPromised } from 'dgram-as-promised';
import { Balancer } from '../../balancer/balancer.js';
import type { EndpointKey } from '../../model/endpoint.js';
import { systemErrorCode } from '../../model/errors.js';
import type { ServicePortName } from '../../model/service-port.js';
import type {
  AffinityBinding,
  OpenPortal,
  PortalCounters,
  PortalRequest,
  PortalRouting,
  RelayObserver,
} from '../engine.js';
import { dropReasonOf } from './drop-reason.js';
import type { FileBudget } from './file-budget.js';
import { portalOpenError } from './portal-open-error.js';
import { tellFailure } from './tell-failure.js';
import { Traffic } from './traffic.js';
import { type SessionEnd, UdpSession } from './udp-session.js';
import type { UdpSessionTable } from './udp-session-table.js';
import { enlargeReceiveBuffer, isCongested, udpSocket } from './udp-socket.js';

/** With port 0, how often another port is tried when the kernel's choice for one address is taken on another. */
const MAX_PORT_TRIES = 16;

/** What a portal needs from the relay that it is part of. */
export interface UdpRelay {
  readonly observer: RelayObserver;
  readonly random: () => number;
  readonly now: () => number;
  readonly sessions: UdpSessionTable;
  readonly files: FileBudget;
  /** The addresses to listen on for a bind address. */
  readonly localAddresses: (bindAddress: string) => readonly string[];
}

/**
 * The sockets of a UDP service port: one for each local address, all on the same port.
 *
 * One socket on `0.0.0.0` would be simpler, but Node doesn't tell to which address a datagram was sent, and a reply
 * would leave from whichever address the route prefers: on a host with several, its client would not know it. A socket
 * that is bound to one address answers from that address.
 */
export class UdpPortal {
  readonly name: ServicePortName;
  readonly traffic = new Traffic();
  readonly #balancer: Balancer;
  readonly #relay: UdpRelay;
  readonly #bindAddress: string;
  #port: number;
  /** Of the routing in force. The balancer doesn't know of it: to that these are endpoints like any other. */
  #leadsBack: ReadonlySet<EndpointKey> | undefined;
  readonly #sockets = new Map<string, SocketAsPromised>();
  readonly #sessions = new Set<UdpSession>();
  /** Whom to tell that the last session has ended, once no more are begun. */
  #drained: (() => void) | undefined;
  #closed = false;

  private constructor(request: PortalRequest, relay: UdpRelay) {
    this.name = request.name;
    this.#bindAddress = request.address;
    this.#port = request.port;
    this.#relay = relay;
    this.#balancer = new Balancer(relay.random);
  }

  /** @throws KubeSpliceError `PORTAL_PORT_IN_USE`, `PORTAL_OPEN_FAILED`. */
  static async open(request: PortalRequest, relay: UdpRelay): Promise<UdpPortal> {
    for (let attempt = 1; ; attempt += 1) {
      const portal = new UdpPortal(request, relay);
      portal.route(request.routing);
      try {
        await portal.listenOnLocalAddresses();
        if (portal.#sockets.size > 0) return portal;
        throw new Error('none of the addresses of this host can be bound');
      } catch (error) {
        await portal.close();
        const another =
          request.port === 0 && attempt < MAX_PORT_TRIES && systemErrorCode(error) === 'EADDRINUSE';
        if (!another) throw portalOpenError(request, error);
      }
    }
  }

  /**
   * Listens on every local address that has come since, and no longer on those that went. Call again now and then.
   *
   * @throws the system's error where an address can't be bound; the others are, and it may be called again.
   */
  async listenOnLocalAddresses(): Promise<void> {
    const wanted = this.#relay.localAddresses(this.#bindAddress);
    for (const [address, socket] of this.#sockets) {
      if (!wanted.includes(address)) await this.#stopListening(address, socket);
    }
    const failures: unknown[] = [];
    for (const address of wanted) {
      if (this.#sockets.has(address) || this.#closed) continue;
      await this.#listen(address, wanted.length > 1).catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  }

  /** Replaces endpoints and affinity; sessions of endpoints that went, or lead back by now, are bound to others with their next datagram. */
  route({ endpoints, sessionAffinity, leadsBack }: PortalRouting): void {
    this.#leadsBack = leadsBack;
    this.#balancer.route(endpoints, sessionAffinity, this.#relay.now());
    this.traffic.route(endpoints);
    for (const session of this.#sessions) {
      const { endpoint } = session;
      if (endpoint === undefined) continue;
      if (!this.#balancer.has(endpoint) || leadsBack?.has(endpoint) === true) session.move();
    }
  }

  /** Ends the sessions and stops listening. The port is free when it resolves. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const session of [...this.#sessions]) this.#end(session, 'portal-closed');
    const sockets = [...this.#sockets.values()];
    this.#sockets.clear();
    this.#relay.files.give(sockets.length);
    await Promise.all(sockets.map((socket) => socket.close()));
  }

  get openSessions(): number {
    return this.#sessions.size;
  }

  /** Begins no new session; resolves when the open ones have ended, so that answers under way still arrive. */
  drain(): Promise<void> {
    return new Promise((resolve) => {
      this.#drained = resolve;
      if (this.#sessions.size === 0) resolve();
    });
  }

  address(): OpenPortal {
    return { protocol: 'UDP', address: this.#bindAddress, port: this.#port };
  }

  counters(): PortalCounters {
    const now = this.#relay.now();
    return this.traffic.snapshot(this.#balancer.setAside(now), this.#balancer.affinityClients(now));
  }

  /** @param client its address. */
  affinity(client: string): AffinityBinding | undefined {
    return this.#balancer.bond(client, this.#relay.now());
  }

  async #listen(address: string, mayBeMissing: boolean): Promise<void> {
    const socket = udpSocket(address, (message, from) => this.#received(address, socket, message, from));
    try {
      const bound = await socket.bind({ address, port: this.#port, exclusive: true });
      this.#port = bound.port;
    } catch (error) {
      await socket.close();
      // Gone since it was listed, or an IPv6 address not yet usable: the next look at the addresses settles it.
      if (mayBeMissing && systemErrorCode(error) === 'EADDRNOTAVAIL') return;
      throw error;
    }
    if (this.#closed) return socket.close();
    enlargeReceiveBuffer(socket);
    this.#relay.files.take(1);
    this.#sockets.set(address, socket);
  }

  async #stopListening(address: string, socket: SocketAsPromised): Promise<void> {
    this.#sockets.delete(address);
    this.#relay.files.give(1);
    for (const session of [...this.#sessions]) {
      if (session.key.startsWith(sessionKeyPrefix(this.name, address))) this.#end(session, 'portal-closed');
    }
    await socket.close();
  }

  #received(address: string, socket: SocketAsPromised, message: Buffer, from: RemoteInfo): void {
    // Port 0 expects no reply (RFC 768), and Node throws where one is sent there.
    if (from.port === 0) {
      this.traffic.dropped('source-port-0');
      return;
    }
    const key = `${sessionKeyPrefix(this.name, address)}${from.address}|${from.port}`;
    const session = this.#relay.sessions.get(key) ?? this.#begin(key, socket, from);
    if (session === undefined) return;
    this.#relay.sessions.touch(session);
    if (!session.send(message)) this.#end(session, 'no-endpoints');
  }

  #begin(key: string, socket: SocketAsPromised, from: RemoteInfo): UdpSession | undefined {
    const { observer, now, sessions, files } = this.#relay;
    const { traffic } = this;
    const failure = {
      name: this.name,
      protocol: 'UDP',
      client: { address: from.address, port: from.port },
      final: true,
    } as const;
    if (this.#drained !== undefined || this.#closed) return undefined;
    // Before anything is made room for: what goes nowhere must not evict what does.
    if (this.#balancer.isEmpty) {
      traffic.noEndpoints += 1;
      tellFailure({ traffic, observer }, { ...failure, reason: 'no-endpoints' });
      return undefined;
    }
    // Where files are short, sessions make room for sessions.
    if (!files.hasRoomFor(1) && !sessions.evictOldest()) {
      traffic.refusedForFiles += 1;
      tellFailure({ traffic, observer }, { ...failure, reason: 'out-of-files' });
      return undefined;
    }
    const session = new UdpSession(key, failure.client, {
      name: this.name,
      balancer: this.#balancer,
      traffic,
      observer,
      leadsBack: ({ key }) => this.#leadsBack?.has(key) === true,
      now,
      touch: (used) => sessions.touch(used),
      ended: (gone, cause) => this.#ended(gone, cause),
      reply: (message) => this.#reply(socket, message, from),
    });
    files.take(1);
    this.#sessions.add(session);
    traffic.totalUdpSessions += 1;
    sessions.add(session);
    return session;
  }

  #end(session: UdpSession, cause: SessionEnd): void {
    this.#relay.sessions.delete(session);
    session.end(cause);
  }

  #ended(session: UdpSession, cause: SessionEnd): void {
    this.#sessions.delete(session);
    this.#relay.files.give(1);
    if (cause === 'evicted') this.traffic.evictedUdpSessions += 1;
    if (this.#sessions.size === 0) this.#drained?.();
  }

  #reply(socket: SocketAsPromised, message: Buffer, to: RemoteInfo): void {
    const { traffic } = this;
    if (isCongested(socket)) {
      traffic.dropped('send-queue-full');
      return;
    }
    socket.socket.send(message, to.port, to.address, (error) => {
      if (error === null) {
        traffic.bytesOut += message.length;
        traffic.datagramsOut += 1;
      } else traffic.dropped(dropReasonOf(error) ?? 'reply-failed');
    });
  }
}

function sessionKeyPrefix(name: ServicePortName, address: string): string {
  return `${name}|${address}|`;
}

import type { Socket } from 'node:net';
import type { Endpoint } from '../../model/endpoint.js';
import type { ClientAddress, FailureReason, RelayObserver } from '../engine.js';
import type { ConnectionLimit } from './connection-limit.js';
import { DeafSockets } from './deaf-sockets.js';
import type { FileBudget } from './file-budget.js';
import type { HalfClosedConnections } from './half-closed-connections.js';
import { reset } from './reset.js';
import { TcpConnection } from './tcp-connection.js';
import type { TcpPortal } from './tcp-portal.js';
import { tellFailure } from './tell-failure.js';

/** Descriptors of one connection: the client's socket and the endpoint's. */
const FILES_OF_CONNECTION = 2;

/** Why a client waits. */
type Lacking = 'files' | 'place at all' | 'place here';

interface WaitingClient {
  readonly socket: Socket;
  readonly address: ClientAddress;
  readonly portal: TcpPortal;
}

/**
 * Lets accepted clients in, as far as there are file descriptors and places, and holds the open connections of all portals.
 *
 *     accepted ──▶ connection             where there is room for two descriptors, and for one connection more
 *         └──────▶ waiting ──▶ connection  where there is not: unread; of one portal first come first served
 *         └──────▶ reset                   where the waiting room is full too
 *
 * Node accepts whoever comes: who waits for a place waits here, not in the kernel's queue as with the native relay.
 */
export class TcpAdmission {
  readonly #connections = new Set<TcpConnection>();
  readonly #waiting = new Set<WaitingClient>();
  readonly #deaf = new DeafSockets();
  #exhausted = false;
  /** Whom to tell that the last connection has ended. */
  #allEnded: (() => void) | undefined;

  constructor(
    private readonly files: FileBudget,
    private readonly observer: RelayObserver,
    private readonly now: () => number,
    private readonly halfClosed: HalfClosedConnections,
    /** Of all portals together. */
    private readonly all: ConnectionLimit,
  ) {
    files.onGive(() => this.letIn());
  }

  /** Takes over an accepted client: allowed to be half-open, paused. */
  admit(socket: Socket, address: ClientAddress, portal: TcpPortal): void {
    socket.on('error', () => undefined);
    portal.traffic.activeConnections += 1;
    const client = { socket, address, portal };
    // Whoever came before goes first.
    const isFirst = ![...this.#waiting].some((waiting) => waiting.portal === portal);
    const lacking = this.#lackingFor(portal);
    if (isFirst && lacking === undefined) this.#connect(client);
    else this.#hold(client, lacking);
  }

  #hold(client: WaitingClient, lacking: Lacking | undefined): void {
    const { name, connections } = client.portal;
    if (lacking === 'files' && !this.#exhausted) {
      this.#exhausted = true;
      this.observer.filesExhausted(this.files.limit);
    }
    if (lacking === 'place at all')
      this.all.reached(this.now(), () => this.observer.connectionsExhausted(null, this.all.limit));
    if (lacking === 'place here')
      connections.reached(this.now(), () => this.observer.connectionsExhausted(name, connections.limit));
    if (this.#waiting.size >= this.files.waitingRoom)
      this.#turnAway(client, lacking === 'files' ? 'out-of-files' : 'too-many-connections');
    else {
      if (lacking !== 'files') client.portal.traffic.waitedForPlace += 1;
      this.#wait(client);
    }
  }

  /** What one connection more would need. */
  #lackingFor(portal: TcpPortal): Lacking | undefined {
    if (!this.files.hasRoomFor(FILES_OF_CONNECTION)) return 'files';
    if (!this.all.hasRoom) return 'place at all';
    return portal.connections.hasRoom ? undefined : 'place here';
  }

  /** Resets whoever waits; resolves when the last open connection has ended. */
  drain(): Promise<void> {
    for (const client of this.#waiting) this.#turnAway(client, 'out-of-files');
    return new Promise((resolve) => {
      this.#allEnded = resolve;
      if (this.#connections.size === 0) resolve();
    });
  }

  /** Resets every open connection, and says how many. */
  abort(): number {
    const open = this.#connections.size;
    for (const connection of this.#connections) connection.abort();
    return open;
  }

  /** There may be room again, of whatever kind: lets in who waits. */
  letIn(): void {
    const full = new Set<TcpPortal>();
    for (const client of this.#waiting) {
      if (full.has(client.portal)) continue;
      const lacking = this.#lackingFor(client.portal);
      if (lacking === 'place here') {
        full.add(client.portal);
        continue;
      }
      if (lacking !== undefined) return;
      this.#waiting.delete(client);
      this.#connect(client);
    }
    if (this.#exhausted && this.files.hasRoomFor(FILES_OF_CONNECTION)) {
      this.#exhausted = false;
      this.observer.filesAvailable();
    }
  }

  #connect({ socket, address, portal }: WaitingClient): void {
    const { name, balancer, traffic } = portal;
    const { observer, now, halfClosed } = this;
    const leadsBack = (endpoint: Endpoint): boolean => portal.leadsBack(endpoint);
    const context = { name, balancer, traffic, observer, leadsBack, deaf: this.#deaf, halfClosed, now };
    const connection = new TcpConnection(socket, address, context, () => {
      this.#connections.delete(connection);
      traffic.activeConnections -= 1;
      portal.connections.give();
      this.all.give();
      this.files.give(FILES_OF_CONNECTION);
      if (this.#connections.size === 0) this.#allEnded?.();
    });
    this.files.take(FILES_OF_CONNECTION);
    portal.connections.take();
    this.all.take();
    this.#connections.add(connection);
    connection.start();
  }

  #wait(client: WaitingClient): void {
    // The waiting room is beside what hasRoomFor() counts: who waits takes nothing of it.
    this.#waiting.add(client);
    this.#deaf.add(client.socket);
    client.socket.once('close', () => {
      this.#deaf.delete(client.socket);
      if (!this.#waiting.delete(client)) return;
      client.portal.traffic.activeConnections -= 1;
    });
  }

  #turnAway(client: WaitingClient, reason: FailureReason): void {
    const { socket, address, portal } = client;
    if (reason === 'too-many-connections') portal.traffic.refusedForPlace += 1;
    else portal.traffic.refusedForFiles += 1;
    const { observer } = this;
    const { name, traffic } = portal;
    tellFailure({ traffic, observer }, { name, protocol: 'TCP', client: address, reason, final: true });
    this.#waiting.delete(client);
    portal.traffic.activeConnections -= 1;
    reset(socket);
  }
}

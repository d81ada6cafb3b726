import { createServer, type Server, type Socket } from 'node:net';
import { Balancer } from '../../balancer/balancer.js';
import type { Endpoint, EndpointKey } from '../../model/endpoint.js';
import type { ServicePortName } from '../../model/service-port.js';
import type {
  AffinityBinding,
  ClientAddress,
  OpenPortal,
  PortalCounters,
  PortalRequest,
  PortalRouting,
} from '../engine.js';
import { ConnectionLimit } from './connection-limit.js';
import { portalOpenError } from './portal-open-error.js';
import { SOCKET_OPTIONS } from './socket-options.js';
import { Traffic } from './traffic.js';

/** What a portal needs from the relay that it is part of. */
export interface TcpRelay {
  readonly random: () => number;
  /** ms, monotonic. */
  readonly now: () => number;
  /** Takes over an accepted client (paused): now, when there is room, or by resetting it. */
  admit(client: Socket, address: ClientAddress, portal: TcpPortal): void;
  /** A limit of connections was set: there may be room for who waits. */
  placesChanged(): void;
}

/** The listening socket of a TCP service port. Its connections are the relay's, and outlive it. */
export class TcpPortal {
  readonly name: ServicePortName;
  readonly traffic = new Traffic();
  readonly balancer: Balancer;
  readonly connections = new ConnectionLimit();
  readonly #relay: TcpRelay;
  readonly #server: Server;
  readonly #bindAddress: string;
  #port: number;
  /** Of the routing in force. The balancer doesn't know of it: to that these are endpoints like any other. */
  #leadsBack: ReadonlySet<EndpointKey> | undefined;

  private constructor(request: PortalRequest, relay: TcpRelay) {
    this.name = request.name;
    this.#bindAddress = request.address;
    this.#port = request.port;
    this.#relay = relay;
    this.balancer = new Balancer(relay.random);
    this.#server = createServer({ ...SOCKET_OPTIONS, pauseOnConnect: true }, (client) =>
      this.#accepted(client),
    );
  }

  /** @throws KubeSpliceError `PORTAL_PORT_IN_USE`, `PORTAL_OPEN_FAILED`. */
  static async open(request: PortalRequest, relay: TcpRelay): Promise<TcpPortal> {
    const portal = new TcpPortal(request, relay);
    portal.route(request.routing);
    const server = portal.#server;
    await new Promise<void>((resolve, reject) => {
      const failed = (error: Error): void => reject(portalOpenError(request, error));
      server.once('error', failed);
      // `exclusive`: a portal is never shared with cluster workers. A dual-stack `::` is what ipv6Only false asks for.
      server.listen({ host: request.address, port: request.port, exclusive: true, ipv6Only: false }, () => {
        server.removeListener('error', failed);
        // A failed accept concerns one client that is gone already; the portal goes on.
        server.on('error', () => undefined);
        const bound = server.address();
        if (typeof bound === 'object' && bound !== null) portal.#port = bound.port;
        resolve();
      });
    });
    return portal;
  }

  route({ endpoints, sessionAffinity, leadsBack, maxConnections }: PortalRouting): void {
    this.#leadsBack = leadsBack;
    this.connections.set(maxConnections);
    this.balancer.route(endpoints, sessionAffinity, this.#relay.now());
    this.traffic.route(endpoints);
    this.#relay.placesChanged();
  }

  /** Whether a connection to this endpoint would come back here. */
  leadsBack({ key }: Endpoint): boolean {
    return this.#leadsBack?.has(key) === true;
  }

  /** Stops listening. The port is free when it returns; connections go on. */
  close(): void {
    // Its callback would wait for the connections as well; the listening socket is closed at once.
    this.#server.close();
  }

  address(): OpenPortal {
    return { protocol: 'TCP', address: this.#bindAddress, port: this.#port };
  }

  counters(): PortalCounters {
    const now = this.#relay.now();
    return this.traffic.snapshot(this.balancer.setAside(now), this.balancer.affinityClients(now));
  }

  /** @param client its address. */
  affinity(client: string): AffinityBinding | undefined {
    return this.balancer.bond(client, this.#relay.now());
  }

  #accepted(client: Socket): void {
    const { remoteAddress, remotePort } = client;
    if (remoteAddress === undefined || remotePort === undefined) {
      // Reset before it was accepted: there is no peer any more.
      client.on('error', () => undefined);
      client.destroy();
      return;
    }
    this.traffic.totalConnections += 1;
    this.#relay.admit(client, { address: unmapped(remoteAddress), port: remotePort }, this);
  }
}

/** An IPv4 client of a dual-stack socket appears as `::ffff:192.0.2.1` (RFC 4291, 2.5.5.2): its IPv4 text. */
export function unmapped(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice('::ffff:'.length) : address;
}

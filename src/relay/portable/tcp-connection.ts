import type { Socket } from 'node:net';
import type { Balancer } from '../../balancer/balancer.js';
import type { Endpoint, EndpointKey } from '../../model/endpoint.js';
import type { ServicePortName } from '../../model/service-port.js';
import type { ClientAddress, FailureReason, RelayObserver } from '../engine.js';
import type { DeafSockets } from './deaf-sockets.js';
import { DIAL_TIMEOUTS_MS, type Dial, DialFailure, dial, isTheEndpointsFault } from './dial.js';
import type { HalfClosedConnection, HalfClosedConnections } from './half-closed-connections.js';
import { reset } from './reset.js';
import { splice } from './splice.js';
import { tellFailure } from './tell-failure.js';
import type { Traffic } from './traffic.js';

/** What a connection takes part in. */
export interface ConnectionContext {
  readonly name: ServicePortName;
  readonly balancer: Balancer;
  readonly traffic: Traffic;
  readonly observer: RelayObserver;
  /** Whether a connection to an endpoint would come back to this portal. */
  readonly leadsBack: (endpoint: Endpoint) => boolean;
  readonly deaf: DeafSockets;
  readonly halfClosed: HalfClosedConnections;
  /** ms, monotonic. */
  readonly now: () => number;
}

/**
 * One client's connection, from accept to end:
 *
 *     dialling ──▶ spliced ──▶ ended          an endpoint answered
 *         └──────────────────▶ ended (reset)  none did, or the relay gave up
 *
 * It owns the client's socket, and the endpoint's once there is one. The client is not read before an endpoint has
 * answered, so that what it has sent already waits in the kernel and nothing is lost between two tries.
 */
export class TcpConnection {
  readonly #client: Socket;
  readonly #address: ClientAddress;
  #dial: Dial | undefined;
  #endpointSocket: Socket | undefined;
  #ended = false;

  /** @param client accepted, allowed to be half-open, paused. */
  constructor(
    client: Socket,
    address: ClientAddress,
    private readonly context: ConnectionContext,
    private readonly onEnd: () => void,
  ) {
    this.#client = client;
    this.#address = address;
  }

  /** Dials and relays. Returns at once; `onEnd` is called once, when every socket of the connection is closed. */
  start(): void {
    const { deaf } = this.context;
    // Unread until an endpoint has answered: only a probe notices that the client has gone meanwhile.
    deaf.add(this.#client);
    this.#client.once('close', () => {
      deaf.delete(this.#client);
      this.#dial?.abort();
      if (this.#endpointSocket === undefined) this.#end();
    });
    void this.#reachEndpoint();
  }

  /** Ends it with a reset to both sides. */
  abort(): void {
    this.#dial?.abort();
    if (this.#endpointSocket !== undefined) reset(this.#endpointSocket);
    reset(this.#client);
  }

  async #reachEndpoint(): Promise<void> {
    const { balancer, leadsBack, now, traffic } = this.context;
    const tried = new Set<EndpointKey>();
    for (const [attempt, timeoutMs] of DIAL_TIMEOUTS_MS.entries()) {
      const endpoint = balancer.pick(this.#address.address, now(), tried);
      if (endpoint === undefined) return this.#refuse('no-endpoints');
      try {
        if (leadsBack(endpoint)) throw new DialFailure('leads-back', endpoint.key);
        const since = now();
        this.#dial = dial(endpoint, timeoutMs);
        const socket = await this.#dial.socket;
        traffic.dialTimes.add(now() - since);
        balancer.succeeded(endpoint.key);
        if (balancer.has(endpoint.key) && !leadsBack(endpoint)) return this.#splice(endpoint, socket);
        // It was removed while it was dialled, or leads back since: no connection begins there any more.
        reset(socket);
      } catch (error) {
        if (!(error instanceof DialFailure)) throw error;
        if (this.#client.destroyed) return;
        const final = attempt === DIAL_TIMEOUTS_MS.length - 1 || error.reason === 'out-of-files';
        this.#dialFailed(endpoint, error, final);
        if (final) return reset(this.#client);
        tried.add(endpoint.key);
      }
    }
  }

  #dialFailed(endpoint: Endpoint, failure: DialFailure, final: boolean): void {
    const { traffic, balancer, name, now } = this.context;
    const { reason, detail } = failure;
    traffic.dialFailures += 1;
    if (isTheEndpointsFault(failure)) balancer.failed(endpoint.key, now());
    balancer.forget(this.#address.address, endpoint.key);
    const client = this.#address;
    tellFailure(this.context, { name, protocol: 'TCP', client, endpoint, reason, detail, final });
  }

  #refuse(reason: FailureReason): void {
    const { traffic, name } = this.context;
    traffic.noEndpoints += 1;
    tellFailure(this.context, { name, protocol: 'TCP', client: this.#address, reason, final: true });
    reset(this.#client);
  }

  #splice(endpoint: Endpoint, socket: Socket): void {
    const { traffic, deaf, halfClosed, name } = this.context;
    if (this.#client.destroyed) {
      socket.on('error', () => undefined);
      reset(socket);
      return;
    }
    deaf.delete(this.#client);
    this.#endpointSocket = socket;
    traffic.connected(endpoint.key);
    const watched: HalfClosedConnection = {
      moved: () => movedThrough(this.#client) + movedThrough(socket),
      timedOut: () => this.#halfClosedTooLong(endpoint),
    };
    splice(this.#client, socket, deaf, {
      in: (bytes) => {
        traffic.bytesIn += bytes;
      },
      out: (bytes) => {
        traffic.bytesOut += bytes;
      },
      finished: () => halfClosed.add(watched),
      broken: (side, error) => {
        // A client may end as it likes; an endpoint that resets is worth telling.
        if (side === 'client') return;
        const detail = 'code' in error ? String(error.code) : error.message;
        const reason = 'endpoint-reset';
        tellFailure(this.context, {
          name,
          protocol: 'TCP',
          client: this.#address,
          endpoint,
          reason,
          detail,
          final: true,
        });
      },
      closed: () => {
        halfClosed.delete(watched);
        traffic.disconnected(endpoint.key);
        this.#end();
      },
    });
  }

  #halfClosedTooLong(endpoint: Endpoint): void {
    const { traffic, halfClosed, name } = this.context;
    traffic.halfClosedTimeouts += 1;
    const detail = `${halfClosed.timeoutMs} ms`;
    const reason = 'half-closed-timeout';
    const client = this.#address;
    tellFailure(this.context, { name, protocol: 'TCP', client, endpoint, reason, detail, final: true });
    this.abort();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.onEnd();
  }
}

/** More with each byte that is read from the socket, and with each that the kernel has taken for its peer. */
function movedThrough({ bytesRead, writableLength }: Socket): number {
  // What is read for this one waits to be written to the other: twice, so that the sum of both grows all the same.
  return 2 * bytesRead - writableLength;
}

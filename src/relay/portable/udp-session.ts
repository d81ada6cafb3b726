import type { SocketAsPromised } from 'dgram-as-promised';
import type { Balancer } from '../../balancer/balancer.js';
import type { Endpoint, EndpointKey } from '../../model/endpoint.js';
import { systemErrorCode } from '../../model/errors.js';
import type { ServicePortName } from '../../model/service-port.js';
import type { ClientAddress, DropReason, RelayObserver } from '../engine.js';
import { dropReasonOf } from './drop-reason.js';
import { tellFailure } from './tell-failure.js';
import type { Traffic } from './traffic.js';
import { isCongested, udpSocket } from './udp-socket.js';

/** Datagrams that may wait for the socket of a session to be connected: one turn of the event loop. */
const MAX_WAITING = 64;

/** What says that no datagram gets through to the endpoint now. */
const UNREACHABLE: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EHOSTDOWN',
  'ETIMEDOUT',
]);

/** Why a session ended: idle, to make room, with its portal, or because there were no endpoints. */
export type SessionEnd = 'idle' | 'evicted' | 'portal-closed' | 'no-endpoints';

/** What a session takes part in. */
export interface SessionContext {
  readonly name: ServicePortName;
  readonly balancer: Balancer;
  readonly traffic: Traffic;
  readonly observer: RelayObserver;
  /** Whether what is sent to an endpoint would come back to this portal. */
  readonly leadsBack: (endpoint: Endpoint) => boolean;
  /** ms, monotonic. */
  readonly now: () => number;
  /** A datagram of the client went to the endpoint, or the endpoint answered: the session is in use. */
  readonly touch: (session: UdpSession) => void;
  /** The session has ended and holds nothing any more. Once. */
  readonly ended: (session: UdpSession, cause: SessionEnd) => void;
  /** Sends to the session's client, from the address that the client sent to. */
  readonly reply: (message: Buffer) => void;
}

/**
 * What one client address of a UDP portal has with one endpoint:
 *
 *     unbound ──▶ bound ──▶ ended
 *        ▲          │
 *        └──────────┘   ICMP refusal: the next datagram binds it to another endpoint
 *
 * While bound it owns a socket connected to the endpoint: only that endpoint's datagrams reach it, and a refusal is
 * reported on it (udp(7)). It never owns the portal's socket.
 */
export class UdpSession {
  #bound:
    | { readonly endpoint: Endpoint; readonly socket: SocketAsPromised; readonly since: number }
    | undefined;
  /** Datagrams for the bound endpoint until its socket is connected; then undefined. */
  #waiting: Buffer[] | undefined;
  #refusedBy: EndpointKey | undefined;
  /** The balancer knows that the bound endpoint is well. */
  #isToldReached = false;
  /**
   * Datagrams that the bound endpoint has got, less the answers that came: a resolver asks for IPv4 and IPv6 in one go, and one
   * answer must not cost it the other.
   */
  #owed = 0;
  #ended = false;
  /** When a datagram last passed, ms, monotonic. The session table's. */
  lastUsed: number;

  constructor(
    readonly key: string,
    readonly client: ClientAddress,
    private readonly context: SessionContext,
  ) {
    this.lastUsed = context.now();
  }

  /** Whether the endpoint has got more than it has answered. */
  get owesAnswer(): boolean {
    return this.#owed > 0;
  }

  get endpoint(): EndpointKey | undefined {
    return this.#bound?.endpoint.key;
  }

  /** Passes a datagram of the client on, to another endpoint if this one has refused. False where there is none. */
  send(message: Buffer): boolean {
    if (this.#bound === undefined && !this.#bind()) return false;
    if (this.#waiting === undefined) this.#transmit(message);
    else if (this.#waiting.length < MAX_WAITING) this.#waiting.push(message);
    else this.context.traffic.dropped('send-queue-full');
    return true;
  }

  /** Leaves the endpoint it is bound to; the next datagram goes to another. */
  move(): void {
    this.#release();
  }

  /** Ends the session. The session table no longer holds it. */
  end(cause: SessionEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    if (cause === 'idle' && this.#bound !== undefined)
      this.context.balancer.endedSilently(this.#bound.endpoint.key, this.#bound.since);
    this.#release();
    this.context.ended(this, cause);
  }

  #bind(): boolean {
    const { traffic } = this.context;
    const endpoint = this.#pick();
    if (endpoint === undefined) return false;
    const socket = udpSocket(endpoint.address, (message) => this.#answered(message));
    const bound = { endpoint, socket, since: this.context.now() };
    this.#bound = bound;
    this.#isToldReached = false;
    this.#waiting = [];
    traffic.udpSessions += 1;
    // After a refusal a session begins anew; one that was moved goes on.
    if (this.#refusedBy !== undefined) traffic.totalUdpSessions += 1;
    traffic.connected(endpoint.key);
    socket.socket.on('error', (error) => this.#reported(bound, error));
    socket.socket.connect(endpoint.port, endpoint.address, (error?: Error) => {
      // Node's types leave it out: where connecting fails, the callback gets the error and no 'error' is emitted.
      if (error instanceof Error) this.#failed(bound, error);
      else this.#connected(bound);
    });
    return true;
  }

  /** An endpoint to bind to, not the one that has refused where there is another. Where there is none, that is told. */
  #pick(): Endpoint | undefined {
    const { balancer, now, traffic, name, leadsBack } = this.context;
    const tried = new Set(this.#refusedBy === undefined ? [] : [this.#refusedBy]);
    const failure = { name, protocol: 'UDP', client: this.client, final: true } as const;
    const back = new Set<EndpointKey>();
    for (;;) {
      const endpoint = this.#ended ? undefined : balancer.pick(this.client.address, now(), tried);
      if (endpoint === undefined) {
        traffic.noEndpoints += 1;
        tellFailure(this.context, { ...failure, reason: 'no-endpoints' });
        return undefined;
      }
      if (!leadsBack(endpoint)) return endpoint;
      traffic.dialFailures += 1;
      balancer.forget(this.client.address, endpoint.key);
      if (back.has(endpoint.key)) {
        traffic.dropped('leads-back');
        tellFailure(this.context, { ...failure, endpoint, reason: 'leads-back' });
        return undefined;
      }
      back.add(endpoint.key);
      tried.add(endpoint.key);
    }
  }

  #connected(bound: { readonly endpoint: Endpoint }): void {
    if (this.#bound !== bound) return;
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const message of waiting) this.#transmit(message);
  }

  #transmit(message: Buffer, isSecondTry = false): void {
    const bound = this.#bound;
    const { traffic } = this.context;
    // Without a socket where not even binding one went well: out of files or of ports.
    if (bound === undefined || isCongested(bound.socket)) {
      traffic.dropped(bound === undefined ? 'dial-failed' : 'send-queue-full');
      return;
    }
    // Now, and not when it has left: the answer may be read before that is told.
    this.#owe(this.#owed + 1);
    bound.socket.socket.send(message, (error) => {
      if (error !== null && this.#bound === bound) this.#owe(this.#owed - 1);
      if (error === null) {
        traffic.bytesIn += message.length;
        traffic.datagramsIn += 1;
        if (isSecondTry) traffic.dropped('too-long');
        return;
      }
      const code = systemErrorCode(error);
      // Either this datagram is too long, or a router has said so of an earlier one, which is lost, and this one has not
      // left: telling so takes the report away.
      if (code === 'EMSGSIZE' && !isSecondTry) this.#transmit(message, true);
      else this.#reported(bound, error);
      // A refusal reported here was an earlier datagram's: this one has not left, and may go to another endpoint.
      if (code === 'ECONNREFUSED' && !this.#ended) this.send(message);
    });
  }

  #answered(message: Buffer): void {
    this.#owe(this.#owed - 1);
    this.#refusedBy = undefined;
    this.#reached();
    this.context.reply(message);
  }

  /** So many answers from now on; the session is in use. */
  #owe(answers: number): void {
    this.#owed = Math.max(0, answers);
    this.context.touch(this);
  }

  #reached(): void {
    if (this.#bound === undefined || this.#isToldReached) return;
    this.#isToldReached = true;
    this.context.balancer.succeeded(this.#bound.endpoint.key);
  }

  /**
   * An error of a datagram, or one that a router has reported. `EMSGSIZE`: it was too long for the path. The next of its
   * length leaves in fragments, because the kernel knows by now (ip(7), IP_PMTUDISC_WANT).
   */
  #reported(bound: { readonly endpoint: Endpoint }, error: Error): void {
    const dropped = dropReasonOf(error);
    if (dropped !== undefined) this.context.traffic.dropped(dropped);
    else this.#failed(bound, error);
  }

  #failed(bound: { readonly endpoint: Endpoint }, error: Error): void {
    if (this.#bound !== bound) return;
    const { balancer, traffic, name, now } = this.context;
    const detail = systemErrorCode(error) ?? error.message;
    if (UNREACHABLE.has(detail)) balancer.failed(bound.endpoint.key, now());
    const reason = detail === 'ECONNREFUSED' ? 'icmp-refused' : 'dial-failed';
    traffic.dialFailures += 1;
    // Those that wait for the socket are counted when it is released.
    if (this.#waiting === undefined) traffic.dropped(reason);
    balancer.forget(this.client.address, bound.endpoint.key);
    this.#refusedBy = bound.endpoint.key;
    this.#release(reason);
    tellFailure(this.context, {
      name,
      protocol: 'UDP',
      client: this.client,
      endpoint: bound.endpoint,
      reason,
      detail,
      // The datagram is lost: only the next one goes elsewhere.
      final: true,
    });
  }

  /** @param why those are lost that wait for the socket. */
  #release(why: DropReason = 'session-ended'): void {
    if (this.#bound === undefined) return;
    const { endpoint, socket } = this.#bound;
    const { traffic } = this.context;
    traffic.udpSessions -= 1;
    traffic.dropped(why, this.#waiting?.length ?? 0);
    traffic.disconnected(endpoint.key);
    this.#bound = undefined;
    this.#waiting = undefined;
    // Whoever comes next owes nothing for what another has got.
    if (this.#owed > 0) this.#owe(0);
    // Closing fails only where the socket is closed already.
    socket.close().catch(() => undefined);
  }
}

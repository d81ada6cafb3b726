import type { Endpoint, EndpointKey } from '../model/endpoint.js';
import type { Protocol, ServicePortName, SessionAffinity } from '../model/service-port.js';

/**
 * The relay contract: what moves bytes between the clients of a portal and the endpoints of its service port.
 *
 *     client ──▶ portal ──▶ [balancer] ──▶ endpoint
 *
 * TCP: an endpoint is dialled with timeouts of 250 ms, 500 ms, 1 s and 2 s, each try on the next endpoint; the first
 * failure drops the client's affinity; when all four fail the client gets a reset. Half-close passes through both
 * ways, a reset becomes a reset, and a side that does not read stops the other from being read.
 *
 * UDP: one session for each client address; a session ends when idle for `udpIdleTimeoutMs`, or while it owes an answer (the
 * endpoint has got more datagrams than it has answered) for `udpReplyTimeoutMs` where that is longer; replies leave from the
 * address the client sent to; an ICMP refusal ends the session, and the client's next datagram goes to another
 * endpoint; a session whose endpoint went away moves at once. The session table is bounded: when it is full the
 * session that has been idle longest makes room, also one that owes an answer.
 *
 * Endpoints that fail: one that could not be reached three times in a row is set aside for a second, then twice as long each
 * time up to a minute; after each one connection or session tries it, and a good one ends that. Clients with affinity are bound
 * to others meanwhile. Where all endpoints of a portal would be set aside, all are used.
 *
 * An endpoint that leads back to the portal (`PortalRouting.leadsBack`) is never connected to: it counts as one that failed.
 *
 * Half-closed connections: where one side has finished and no byte has moved either way for `halfClosedTimeoutMs`, or a quarter
 * longer, the connection is reset. One that is slow goes on for ever.
 *
 * No endpoints: TCP is reset at accept, UDP is dropped; both are counted.
 * Endpoints removed: open connections go on until they end; new ones never go there.
 * Portal closed: listening stops at once, what is open goes on.
 * Too many connections (`PortalRouting.maxConnections`, and the engine's own limit for all portals together): as many as that are
 * open, never more; new clients wait as where file descriptors are short, and other portals go on.
 * Out of file descriptors: open connections go on; new clients wait, in the kernel's queue or unread in a bounded one, and
 * are served when there is room. Whoever fits in neither is reset.
 *
 * Every engine passes the same contract spec (`spec/relay/`).
 */
export interface RelayEngine {
  readonly kind: 'portable' | 'native';

  /**
   * Starts listening. Resolves with the address once a client can connect. A portal that the engine kept while this process
   * was not there is taken over where protocol, address and port are the same (port 0 is any); else it is closed first.
   *
   * @throws KubeSpliceError `PORTAL_PORT_IN_USE` where the port is held, by whomever; `PORTAL_OPEN_FAILED` for any
   *   other reason. A failed open leaves nothing behind.
   */
  open(request: PortalRequest): Promise<PortalAddress>;

  /**
   * Replaces endpoints, affinity and limit of an open portal: a table swap, in force when it resolves. Never rejects: an engine that
   * can't be told now is told when it can. Unknown names are ignored.
   */
  route(name: ServicePortName, routing: PortalRouting): Promise<void>;

  /**
   * What holds for all portals together, from now on: also for sessions and connections that are open, at the next look at them. Never
   * rejects: an engine that can't be told now is told when it can.
   */
  configure(settings: RelaySettings): Promise<void>;

  /** Stops listening; the port is free when it resolves. Open connections go on. Unknown names are ignored. */
  close(name: ServicePortName): Promise<void>;

  /** The portals that are open now, those included that an engine kept while this process was not there. */
  portals(): ReadonlyMap<ServicePortName, OpenPortal>;

  /** What each open portal has carried since it opened. */
  counters(): Promise<ReadonlyMap<ServicePortName, PortalCounters>>;

  /** Figures of the relay's own process; null where it is this one, is away, or does not tell (an older relay). */
  process(): Promise<RelayProcessFigures | null>;

  /**
   * Which endpoint ClientIP affinity holds for a client of a portal now; null for none, also where the relay is away or does not
   * tell. Changes nothing: the bond is no younger for it.
   *
   * @param clientAddress without its port, in whatever spelling.
   */
  affinity(name: ServicePortName, clientAddress: string): Promise<AffinityBinding | null>;

  /**
   * Closes every portal, lets open connections end for up to `graceMs`, resets the rest and releases everything. An engine
   * that outlives this process is left as it is: portals and connections go on. Asked again, it ends no later than either
   * grace.
   */
  shutdown(graceMs: number): Promise<void>;

  /**
   * TCP connections and UDP sessions that were still open when the grace of `shutdown` was over; null until then, and where the
   * engine does not tell.
   */
  readonly cut: number | null;
}

/** What holds for all portals together, and may be another while the engine runs. */
export interface RelaySettings {
  /** ms without a datagram either way after which a UDP session ends. */
  readonly udpIdleTimeoutMs: number;
  /** ms after which it ends while it owes an answer, where that is longer; 0 for no longer. */
  readonly udpReplyTimeoutMs: number;
  /** ms without a byte either way after which a connection of which one side has finished is reset; 0 for never. */
  readonly halfClosedTimeoutMs: number;
  /** TCP connections that may be open at once, of all portals together; 0 is no limit. What is open goes on where it is lowered. */
  readonly maxConnections: number;
}

/** What a new portal is to be. */
export interface PortalRequest {
  readonly name: ServicePortName;
  readonly protocol: Protocol;
  /** An address of this host, `0.0.0.0` for every IPv4 one, `::` for every one of both families. */
  readonly address: string;
  /** 0 lets the kernel choose. */
  readonly port: number;
  readonly routing: PortalRouting;
}

/** Where the connections of a portal go. */
export interface PortalRouting {
  readonly endpoints: readonly Endpoint[];
  readonly sessionAffinity: SessionAffinity;
  /**
   * Those endpoints that lead back to the portal itself, by whatever way: an engine that connected to one would be its own
   * client, without end. None where left out.
   */
  readonly leadsBack?: ReadonlySet<EndpointKey>;
  /** TCP connections that may be open at once; what is open goes on where it is lowered. No limit where left out. */
  readonly maxConnections?: number;
}

export interface PortalAddress {
  readonly address: string;
  readonly port: number;
}

export interface OpenPortal extends PortalAddress {
  readonly protocol: Protocol;
}

/** Counts since the portal opened; `active…`, `udpSessions`, `affinityEntries` and `EndpointCounters.connections` are of now. */
export interface PortalCounters {
  /** TCP connections accepted and not yet ended, those still being dialled included. */
  readonly activeConnections: number;
  /** TCP connections accepted. */
  readonly totalConnections: number;
  /** Payload bytes of clients, read and handed to an endpoint's socket. */
  readonly bytesIn: number;
  /** Payload bytes of endpoints, read and handed to a client's socket. */
  readonly bytesOut: number;
  /** Tries to reach an endpoint that failed: refused, timed out, unreachable. */
  readonly dialFailures: number;
  /** TCP connections reset, or datagrams dropped, because the service port had no endpoints. */
  readonly noEndpoints: number;
  /** TCP connections reset because there was neither room for them, for lack of file descriptors, nor in the waiting room. */
  readonly refusedForFiles: number;
  readonly udpSessions: number;
  readonly totalUdpSessions: number;
  /** Sessions ended early because the session table was full. */
  readonly evictedUdpSessions: number;
  /** Datagrams of clients, handed to an endpoint's socket. */
  readonly datagramsIn: number;
  /** Datagrams of endpoints, handed to the portal's socket for their client. */
  readonly datagramsOut: number;
  /** Datagrams dropped for any other reason than `noEndpoints` and `refusedForFiles`. */
  readonly droppedDatagrams: number;
  /** The same by reason; those that are 0 left out. The sum is `droppedDatagrams`, but for what an older relay counted. */
  readonly droppedByReason: DropsByReason;
  /** TCP connections reset because one side had finished and nothing moved any more. */
  readonly halfClosedTimeouts: number;
  /**
   * How often a client found no place under a limit of connections, and waited: each client where the engine holds them, each time
   * that a thread stopped accepting where the kernel does.
   */
  readonly waitedForPlace: number;
  /** TCP connections reset because there was no place under a limit of connections, nor in the waiting room. */
  readonly refusedForPlace: number;
  /**
   * Connections, tries and sessions that failed, by reason; those that are 0 left out. What `RelayObserver.failure` is told of, and
   * also what there was no time to tell.
   */
  readonly failures: FailuresByReason;
  /** How long the tries took that reached an endpoint. TCP only: a datagram is not dialled. */
  readonly dialTimes: DialTimes;
  /** Clients bound to an endpoint by ClientIP affinity; those whose time is over are not counted. */
  readonly affinityEntries: number;
  /** By endpoint key: every endpoint of the current routing, and those that open connections still use. */
  readonly endpoints: ReadonlyMap<EndpointKey, EndpointCounters>;
}

export type FailuresByReason = Readonly<Partial<Record<FailureReason, number>>>;
export type DropsByReason = Readonly<Partial<Record<DropReason, number>>>;

/** A histogram. */
export interface DialTimes {
  /** How many took no longer than each of `DIAL_TIME_BOUNDS_MS`, and longer than the one before; then those beyond the last. */
  readonly counts: readonly number[];
  /** Of all of them together, ms. */
  readonly sumMs: number;
}

/** Upper bounds of a dial's time, ms, inclusive: from an endpoint on this host to the longest try there is. */
export const DIAL_TIME_BOUNDS_MS: readonly number[] = [
  0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2000,
];

export interface EndpointCounters {
  /** Open TCP connections or UDP sessions. */
  readonly connections: number;
  /** TCP connections or UDP sessions begun. */
  readonly totalConnections: number;
  /**
   * Only of an endpoint that kept failing and is set aside: how long until one connection may go there to see whether it is
   * well, ms; 0 where it may now.
   */
  readonly setAsideMs?: number;
}

/** Of a relay that is a process of its own. */
export interface RelayProcessFigures {
  /** As the relay itself sees it: in another PID namespace than this process it is another number here. */
  readonly pid: number;
  readonly version: string | null;
  /** Seconds of CPU time since it started, of all its threads, in user and system mode. */
  readonly cpuSeconds: number;
  /** Bytes of memory that are resident; 0 where the system does not tell. */
  readonly residentBytes: number;
  /** Those that it counts against its limit; the few of its own (control sockets, one or two for each thread) are beside them. */
  readonly openFiles: number;
  readonly openFileLimit: number;
  readonly threads: number;
  /** ms since the epoch. */
  readonly startedAt: number;
}

/** A client's bond to an endpoint. */
export interface AffinityBinding {
  readonly endpoint: EndpointKey;
  /** How long it holds unless the client connects again, ms. */
  readonly remainingMs: number;
}

/** Who connected: IPv4 clients of a dual-stack portal in IPv4 text. */
export interface ClientAddress {
  readonly address: string;
  readonly port: number;
}

/** Why a connection or a session failed. `CLIENT_…` never appears: a client may end as it likes. */
export type FailureReason =
  | 'no-endpoints'
  | 'dial-refused'
  | 'dial-timeout'
  | 'dial-unreachable'
  | 'dial-failed'
  | 'endpoint-reset'
  | 'icmp-refused'
  /** The endpoint is an address that leads back to the portal itself. */
  | 'leads-back'
  | 'out-of-files'
  /** No place under a limit of connections, nor in the waiting room. */
  | 'too-many-connections'
  /** One side has finished, and no byte has moved for too long. */
  | 'half-closed-timeout';

/** Why a datagram was dropped. */
export type DropReason =
  /** No room to send it: the socket's queue is full, or the network's. */
  | 'send-queue-full'
  /** Longer than its family allows, or than the path to the endpoint carries in one piece. */
  | 'too-long'
  /** The endpoint's host said that nobody listens there (ICMP port unreachable). */
  | 'icmp-refused'
  /** The endpoint could not be reached for another reason. */
  | 'dial-failed'
  /** The endpoint is an address that leads back to the portal itself. */
  | 'leads-back'
  /** Its source port is 0: it expects no answer (RFC 768), and none could be sent. */
  | 'source-port-0'
  /** An answer that could not be sent to its client. */
  | 'reply-failed'
  /** It waited for its session's socket when the session ended or moved. */
  | 'session-ended'
  /** No memory for its session, or for it. */
  | 'out-of-memory';

export interface RelayFailure {
  readonly name: ServicePortName;
  readonly protocol: Protocol;
  readonly client: ClientAddress;
  /** Absent where no endpoint was involved. */
  readonly endpoint?: Endpoint;
  readonly reason: FailureReason;
  /** The system's own word where there is one, `ECONNREFUSED` for instance. */
  readonly detail?: string;
  /** True where the client lost its connection or datagram; false where another endpoint is tried. */
  readonly final: boolean;
}

/** What an engine tells while it works. Called synchronously, often: an implementation returns quickly. */
export interface RelayObserver {
  failure(failure: RelayFailure): void;
  /** Accepting stopped for lack of file descriptors. Once, until `filesAvailable`. */
  filesExhausted(limit: number): void;
  /** There is room again. */
  filesAvailable(): void;
  /** The session table is full and evicts. Once, until it has been half empty. */
  udpSessionsExhausted(limit: number): void;
  /**
   * As many connections are open as may be, of this portal, or of all where `name` is null: new clients wait. Once a minute at
   * most, while that goes on.
   */
  connectionsExhausted(name: ServicePortName | null, limit: number): void;
}

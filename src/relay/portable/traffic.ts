import type { Endpoint, EndpointKey } from '../../model/endpoint.js';
import type { DropReason, EndpointCounters, FailureReason, PortalCounters } from '../engine.js';
import { DialTimeCounts } from './dial-time-counts.js';

interface EndpointTraffic {
  connections: number;
  totalConnections: number;
}

const NONE: readonly Endpoint[] = [];
const NONE_SET_ASIDE: ReadonlyMap<EndpointKey, number> = new Map();
const UNUSED: EndpointCounters = { connections: 0, totalConnections: 0 };

/** The running counts of one portal. Its connections and sessions write here, also after the portal has closed. */
export class Traffic {
  activeConnections = 0;
  totalConnections = 0;
  bytesIn = 0;
  bytesOut = 0;
  dialFailures = 0;
  noEndpoints = 0;
  refusedForFiles = 0;
  udpSessions = 0;
  totalUdpSessions = 0;
  evictedUdpSessions = 0;
  datagramsIn = 0;
  datagramsOut = 0;
  droppedDatagrams = 0;
  halfClosedTimeouts = 0;
  waitedForPlace = 0;
  refusedForPlace = 0;
  readonly dialTimes = new DialTimeCounts();
  readonly #failures = new Map<FailureReason, number>();
  readonly #dropped = new Map<DropReason, number>();
  /** Of those that a connection has used: most of 100,000 endpoints are idle, and take no room here. */
  readonly #endpoints = new Map<EndpointKey, EndpointTraffic>();
  #current: readonly Endpoint[] = NONE;

  /** Makes these the endpoints that are reported; one that is gone is reported until its last connection ends. */
  route(endpoints: readonly Endpoint[]): void {
    this.#current = endpoints;
    if (this.#endpoints.size === 0) return;
    const current = new Set(endpoints.map(({ key }) => key));
    for (const [key, { connections }] of this.#endpoints)
      if (connections === 0 && !current.has(key)) this.#endpoints.delete(key);
  }

  failed(reason: FailureReason): void {
    this.#failures.set(reason, (this.#failures.get(reason) ?? 0) + 1);
  }

  /** So many datagrams. */
  dropped(reason: DropReason, datagrams = 1): void {
    if (datagrams === 0) return;
    this.droppedDatagrams += datagrams;
    this.#dropped.set(reason, (this.#dropped.get(reason) ?? 0) + datagrams);
  }

  connected(key: EndpointKey): void {
    const before = this.#endpoints.get(key);
    if (before === undefined) {
      this.#endpoints.set(key, { connections: 1, totalConnections: 1 });
      return;
    }
    before.connections += 1;
    before.totalConnections += 1;
  }

  disconnected(key: EndpointKey): void {
    const before = this.#endpoints.get(key);
    if (before !== undefined) before.connections -= 1;
  }

  /**
   * The counts as they are now: a copy.
   *
   * @param setAside what `Balancer.setAside` told.
   * @param affinityEntries what `Balancer.affinityClients` told.
   */
  snapshot(setAside: ReadonlyMap<EndpointKey, number> = NONE_SET_ASIDE, affinityEntries = 0): PortalCounters {
    const endpoints = new Map<EndpointKey, EndpointCounters>();
    for (const { key } of this.#current) {
      const setAsideMs = setAside.get(key);
      endpoints.set(key, {
        ...(this.#endpoints.get(key) ?? UNUSED),
        ...(setAsideMs === undefined ? {} : { setAsideMs }),
      });
    }
    for (const [key, counts] of this.#endpoints)
      if (counts.connections > 0 && !endpoints.has(key)) endpoints.set(key, { ...counts });
    return {
      activeConnections: this.activeConnections,
      totalConnections: this.totalConnections,
      bytesIn: this.bytesIn,
      bytesOut: this.bytesOut,
      dialFailures: this.dialFailures,
      noEndpoints: this.noEndpoints,
      refusedForFiles: this.refusedForFiles,
      udpSessions: this.udpSessions,
      totalUdpSessions: this.totalUdpSessions,
      evictedUdpSessions: this.evictedUdpSessions,
      datagramsIn: this.datagramsIn,
      datagramsOut: this.datagramsOut,
      droppedDatagrams: this.droppedDatagrams,
      droppedByReason: Object.fromEntries(this.#dropped),
      halfClosedTimeouts: this.halfClosedTimeouts,
      waitedForPlace: this.waitedForPlace,
      refusedForPlace: this.refusedForPlace,
      failures: Object.fromEntries(this.#failures),
      dialTimes: this.dialTimes.snapshot(),
      affinityEntries,
      endpoints,
    };
  }
}

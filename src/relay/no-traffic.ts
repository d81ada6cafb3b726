import { DIAL_TIME_BOUNDS_MS, type DialTimes, type PortalCounters } from './engine.js';

/** As nothing has been dialled yet. */
export const NO_DIALS: DialTimes = {
  counts: Object.freeze([...DIAL_TIME_BOUNDS_MS, Number.POSITIVE_INFINITY].map(() => 0)),
  sumMs: 0,
};

/** A portal's counters as nothing has used it yet. */
export const NO_TRAFFIC: PortalCounters = {
  activeConnections: 0,
  totalConnections: 0,
  bytesIn: 0,
  bytesOut: 0,
  dialFailures: 0,
  noEndpoints: 0,
  refusedForFiles: 0,
  udpSessions: 0,
  totalUdpSessions: 0,
  evictedUdpSessions: 0,
  datagramsIn: 0,
  datagramsOut: 0,
  droppedDatagrams: 0,
  droppedByReason: {},
  halfClosedTimeouts: 0,
  waitedForPlace: 0,
  refusedForPlace: 0,
  failures: {},
  dialTimes: NO_DIALS,
  affinityEntries: 0,
  endpoints: new Map(),
};

import type { Load } from './loads.js';

/** What a load's rate and CPU are told in. */
export interface Unit {
  /** What the CPU is per: `request`. */
  readonly one: string;
  /** How many of what a load counts make one: 1, or 10⁹ where bytes make a GB. */
  readonly size: number;
  readonly cpu: 'µs' | 'ms';
}

/** A row of the table for each peer. */
export interface Measurement {
  /** What `--only` selects by; several may share it. */
  readonly name: MeasurementName;
  /** Its rate's unit, and under which load. */
  readonly title: string;
  readonly load: Load;
  readonly unit: Unit;
}

export const MEASUREMENT_NAMES = [
  'tcp-requests',
  'tcp-connections',
  'tcp-bulk',
  'udp',
  'latency',
  'memory',
] as const;

export type MeasurementName = (typeof MEASUREMENT_NAMES)[number];

/** Idle connections over which `memory` spreads what a relay grew by: 4,000 files here and there, 8,000 in a relay. */
export const IDLE_CONNECTIONS = 4_000;

const REQUEST: Unit = { one: 'request', size: 1, cpu: 'µs' };
const CONNECTION: Unit = { one: 'connection', size: 1, cpu: 'µs' };
const GIGABYTE: Unit = { one: 'GB', size: 1e9, cpu: 'ms' };
const ROUND_TRIP: Unit = { one: 'round trip', size: 1, cpu: 'µs' };

/** What the rate of `latency` follows from. */
export const REQUESTS: Measurement = {
  name: 'tcp-requests',
  title: 'requests/s, 50 kept connections',
  load: { kind: 'tcp-requests', connections: 50 },
  unit: REQUEST,
};

/**
 * Every load that runs for a while, in the order of the table. `latency` is not among them, for its rate follows from
 * what was measured, nor `memory`, which is a reading.
 */
export const MEASUREMENTS: readonly Measurement[] = [
  REQUESTS,
  {
    name: 'tcp-connections',
    title: 'connections/s, 16 at once',
    load: { kind: 'tcp-connections', atOnce: 16 },
    unit: CONNECTION,
  },
  bulk('GB/s to the endpoint, 1 connection', 'sink', 1),
  bulk('GB/s to the endpoint, 4 connections', 'sink', 4),
  bulk('GB/s to the client, 1 connection', 'source', 1),
  bulk('GB/s to the client, 4 connections', 'source', 4),
  { name: 'udp', title: 'UDP round trips/s, 1 flow', load: { kind: 'udp', flows: 1 }, unit: ROUND_TRIP },
  { name: 'udp', title: 'UDP round trips/s, 100 flows', load: { kind: 'udp', flows: 100 }, unit: ROUND_TRIP },
];

function bulk(title: string, service: 'source' | 'sink', connections: number): Measurement {
  return { name: 'tcp-bulk', title, load: { kind: 'tcp-bulk', service, connections }, unit: GIGABYTE };
}

/** Requests that leave when they are due, whether or not those before have been answered. */
export function latencyAt(perSecond: number): Measurement {
  return {
    name: 'latency',
    title: `requests/s at a steady rate of ${perSecond.toLocaleString('en')}`,
    load: { kind: 'tcp-latency', connections: 50, perSecond },
    unit: REQUEST,
  };
}

import type { MeasurementName } from './measurements.js';

/** The peers that the native relay is held against. */
export const RIVALS = ['haproxy', 'nginx'] as const;

export type Rival = (typeof RIVALS)[number];

/** Whose ratios the goals judge. */
export const JUDGED = 'native';

/** An idle connection costs less than this, bytes, whatever it costs a rival. */
export const MEMORY_GOAL_BYTES = 512;

/**
 * The most that the native relay may use, as a share of what a rival uses in the same round: CPU for a unit of work,
 * memory for an idle connection, or added p99 latency. HAProxy relays no UDP.
 */
const GOALS: Readonly<Record<MeasurementName, Readonly<Partial<Record<Rival, number>>>>> = {
  'tcp-requests': { haproxy: 0.88, nginx: 0.95 },
  'tcp-connections': { haproxy: 0.8, nginx: 0.85 },
  'tcp-bulk': { haproxy: 0.9, nginx: 0.3 },
  udp: { nginx: 0.7 },
  memory: { haproxy: 0.15, nginx: 0.05 },
  latency: { haproxy: 1, nginx: 1 },
};

/** Null where there is none. */
export function goalFor(name: MeasurementName, rival: Rival): number | null {
  return GOALS[name][rival] ?? null;
}

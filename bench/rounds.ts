import { BenchEnding } from './child-processes.js';
import type { LoadClient } from './load-client.js';
import type { Measurement, MeasurementName } from './measurements.js';
import type { Measured } from './messages.js';
import type { Peer, RunningPeer } from './peer.js';
import { DIRECT } from './peers/direct.js';
import type { Failure, MemoryResult } from './report.js';
import type { Addresses } from './services.js';
import { spread } from './statistics.js';
import type { MeasurementResult } from './summary.js';

/** A peer that runs, under its name. */
export interface NamedPeer extends RunningPeer {
  readonly name: string;
  readonly leavesOut?: readonly MeasurementName[];
}

/** Told of a peer that is left out from here on, while the others go on. */
type Failed = (failure: Failure) => void;

/** Whose rate decides that of `latency`: what both of them can keep up with. */
const PACE_SETTERS: readonly string[] = ['native', 'haproxy'];

/**
 * Starts them all, one after the other; one that does not start is left out.
 *
 * @throws BenchEnding where nothing may be started any more; those that run are stopped then.
 */
export async function startPeers(
  peers: readonly Peer[],
  endpoints: Addresses,
  failed: Failed,
): Promise<readonly NamedPeer[]> {
  const running: NamedPeer[] = [];
  try {
    for (const peer of peers) {
      const { name, leavesOut = [] } = peer;
      const started = await orFailure(name, 'start', failed, () => peer.start(endpoints));
      if (started !== null) running.push({ name, leavesOut, ...started });
    }
    return running;
  } catch (error) {
    await stopPeers(running);
    throw error;
  }
}

export async function stopPeers(peers: readonly NamedPeer[]): Promise<void> {
  await Promise.all(peers.map((peer) => peer.stop()));
}

/**
 * Lets every peer carry the load once a round, another one first each time: what disturbs the machine for a while
 * disturbs them alike, and so does whatever a turn leaves behind for the next. A peer that fails in any round has no
 * part in the result.
 *
 * @throws Error where the direct connection fails: nothing can be compared then.
 */
export async function measureInTurn(
  measurement: Measurement,
  peers: readonly NamedPeer[],
  client: Pick<LoadClient, 'measure'>,
  rounds: number,
  failed: Failed,
): Promise<MeasurementResult> {
  const taking = peers.filter(({ leavesOut = [] }) => !leavesOut.includes(measurement.name));
  const measured = taking.map((peer) => ({ peer, rounds: [] as Measured[], failed: false }));
  for (let round = 0; round < rounds; round += 1) {
    for (let turn = 0; turn < measured.length; turn += 1) {
      const current = measured[(round + turn) % measured.length];
      if (current === undefined || current.failed) continue;
      const figures = await orFailure(current.peer.name, measurement.title, failed, async () => {
        const window = await client.measure(measurement.load, current.peer);
        if (window.done === 0) throw new Error('nothing was done');
        return window;
      });
      if (figures === null) current.failed = true;
      else current.rounds.push(figures);
    }
  }
  const whole = measured.filter((one) => !one.failed);
  return { measurement, peers: whole.map((one) => ({ name: one.peer.name, rounds: one.rounds })) };
}

/**
 * Reads what idle connections cost, each time of a peer that has just started: one that has worked has room left over.
 * Null where the peer fails.
 */
export async function measureMemory(
  peer: Peer,
  endpoints: Addresses,
  client: Pick<LoadClient, 'holdIdle'>,
  connections: number,
  rounds: number,
  failed: Failed,
): Promise<MemoryResult | null> {
  return orFailure(peer.name, 'memory', failed, async () => {
    const bytesPerConnection: (number | null)[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const running = await peer.start(endpoints);
      try {
        bytesPerConnection.push(await client.holdIdle(connections, running));
      } finally {
        await running.stop();
      }
    }
    return { peer: peer.name, bytesPerConnection };
  });
}

/**
 * Half of what the slower of the native relay and HAProxy did a second, in the median of its rounds; of whoever ran,
 * where neither of them did.
 */
export function halfOfSlowest({ peers }: Pick<MeasurementResult, 'peers'>): number {
  const setters = peers.filter(({ name }) => PACE_SETTERS.includes(name));
  const rates = (setters.length === 0 ? peers : setters).map(
    ({ rounds }) => spread(rounds.map(({ done, seconds }) => done / seconds)).median,
  );
  return Math.max(1, Math.floor(Math.min(...rates) / 2));
}

async function orFailure<Result>(
  peer: string,
  work: string,
  failed: Failed,
  attempt: () => Promise<Result>,
): Promise<Result | null> {
  try {
    return await attempt();
  } catch (error) {
    if (error instanceof BenchEnding || peer === DIRECT.name) throw error;
    failed({ peer, work, message: error instanceof Error ? error.message : String(error) });
    return null;
  }
}

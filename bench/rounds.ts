import type { LoadClient } from './load-client.js';
import type { Measurement } from './measurements.js';
import type { Measured } from './messages.js';
import type { Peer, RunningPeer } from './peer.js';
import type { MemoryResult } from './report.js';
import type { Addresses } from './services.js';
import type { MeasurementResult } from './summary.js';

/** A peer that runs, under its name. */
export interface NamedPeer extends RunningPeer {
  readonly name: string;
}

/** Starts them all, one after the other. Where one does not start, those before it are stopped. */
export async function startPeers(
  peers: readonly Peer[],
  endpoints: Addresses,
): Promise<readonly NamedPeer[]> {
  const running: NamedPeer[] = [];
  try {
    for (const peer of peers) running.push({ name: peer.name, ...(await peer.start(endpoints)) });
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
 * disturbs them alike, and so does whatever a turn leaves behind for the next.
 */
export async function measureInTurn(
  measurement: Measurement,
  peers: readonly NamedPeer[],
  client: Pick<LoadClient, 'measure'>,
  rounds: number,
): Promise<MeasurementResult> {
  const measured = peers.map(({ name }) => ({ name, rounds: [] as Measured[] }));
  for (let round = 0; round < rounds; round += 1) {
    for (let turn = 0; turn < peers.length; turn += 1) {
      const index = (round + turn) % peers.length;
      const peer = peers[index];
      if (peer !== undefined) measured[index]?.rounds.push(await client.measure(measurement.load, peer));
    }
  }
  return { measurement, peers: measured };
}

/** Reads what idle connections cost, each time of a peer that has just started: one that has worked has room left over. */
export async function measureMemory(
  peer: Peer,
  endpoints: Addresses,
  client: Pick<LoadClient, 'holdIdle'>,
  connections: number,
  rounds: number,
): Promise<MemoryResult> {
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
}

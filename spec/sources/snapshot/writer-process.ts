import { randomUUID } from 'node:crypto';
import { endpoint } from '../../../src/model/endpoint.js';
import type { ServiceState } from '../../../src/model/service-state.js';
import { snapshotChunks } from '../../../src/sources/snapshot/snapshot-lines.js';
import { writeSnapshot } from '../../../src/sources/snapshot/write-snapshot.js';
import { largeState } from './state-arbitraries.js';

/**
 * A program that writes snapshots to a path, one after the other, and says on standard output when one begins and when
 * it is written. It ends when it is killed, or when its standard input ends.
 *
 * Every endpoint of a state has one port, another one in each state: a mixture of two states would show.
 *
 * Arguments: the path, and the port of the first state.
 */
const [, , path = '', firstPort = ''] = process.argv;
const base = largeState(2_000, 5);

function stateOf(port: number): ServiceState {
  const moved = [...base.endpoints].map(
    ([name, list]) => [name, list.map(({ address }) => endpoint(address, port))] as const,
  );
  return { ...base, endpoints: new Map(moved) };
}

process.stdin.on('end', () => process.exit()).resume();

for (let port = Number(firstPort); ; port += 1) {
  const header = { savedAt: new Date().toISOString(), server: 'https://10.0.0.1:6443', nodeName: null };
  process.stdout.write(`begins ${port}\n`);
  await writeSnapshot(path, snapshotChunks(header, stateOf(port)), {
    signal: new AbortController().signal,
    now: Date.now,
    uniqueName: randomUUID,
  });
  process.stdout.write(`written ${port}\n`);
}

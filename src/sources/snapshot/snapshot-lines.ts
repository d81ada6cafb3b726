import type { Endpoint } from '../../model/endpoint.js';
import type { ServicePort } from '../../model/service-port.js';
import type { ServiceState } from '../../model/service-state.js';

/**
 * The form of a snapshot, in JSON Lines: no more than one line has to be in memory, or be parsed, at once, and the
 * version is known before anything else is read.
 *
 *     {"version":2,"savedAt":"…","server":"https://…","nodeName":"…"}
 *     {"servicePort":{…}}                        a service port begins
 *     {"endpoints":["10.0.0.1:80", …]}           of the service port above; long lists take several lines
 *     {"externalEndpoints":[…]}                  likewise
 *     {"readyLocalEndpoints":[…]}                likewise; since version 2
 *     {"end":true}                               without this line, the file was cut
 *
 * There is no checksum: whoever has to mend an address while the API server is down may edit the file.
 *
 * The version changes whenever a line says more, less or something else than before.
 */
export const SNAPSHOT_VERSION = 2;

/** The oldest one that is still read: a new kube-splice serves from what the one before it has saved. */
export const OLDEST_SNAPSHOT_VERSION = 1;

/** The longest snapshot that is written or read, in bytes: ten times that of 10,000 Services with 100,000 endpoints. */
export const LARGEST_SNAPSHOT = 256 * 1024 * 1024;

/** The longest line that is read, in bytes. An object in etcd has 1.5 MiB at most, and a service port is part of one. */
export const LONGEST_LINE = 4 * 1024 * 1024;

/** Endpoints in a line, at most: some 25 KiB. */
const ENDPOINTS_IN_LINE = 1_000;

/** About how much text is written at once, in characters: a millisecond's work. */
const CHUNK_LENGTH = 64 * 1024;

/** Whose state a snapshot holds: of which API server, as it is for which node. */
export interface SnapshotIdentity {
  /** The API server's URL. */
  readonly server: string;
  /** Traffic policies and topology make the state of one node another than that of the next; null where unknown. */
  readonly nodeName: string | null;
}

/** What the first line says, beside the version. */
export interface SnapshotHeader extends SnapshotIdentity {
  /** RFC 3339, in UTC. */
  readonly savedAt: string;
}

/** The whole text of a snapshot, in chunks of about 64 KiB, each made only when it is asked for. */
export function* snapshotChunks(header: SnapshotHeader, state: ServiceState): Generator<string> {
  let chunk = '';
  for (const line of snapshotLines(header, state)) {
    chunk += `${JSON.stringify(line)}\n`;
    if (chunk.length < CHUNK_LENGTH) continue;
    yield chunk;
    chunk = '';
  }
  yield chunk;
}

function* snapshotLines(
  { savedAt, server, nodeName }: SnapshotHeader,
  { servicePorts, endpoints, externalEndpoints, readyLocalEndpoints }: ServiceState,
): Generator<object> {
  yield { version: SNAPSHOT_VERSION, savedAt, server, nodeName };
  for (const [name, servicePort] of servicePorts) {
    yield { servicePort: written(servicePort) };
    for (const keys of keyLists(endpoints.get(name))) yield { endpoints: keys };
    for (const keys of keyLists(externalEndpoints.get(name))) yield { externalEndpoints: keys };
    for (const keys of keyLists(readyLocalEndpoints.get(name))) yield { readyLocalEndpoints: keys };
  }
  yield { end: true };
}

/** The name is made of the other fields, when it is read. */
function written({ name: _, ...fields }: ServicePort): Omit<ServicePort, 'name'> {
  return fields;
}

/** None where there is no list: one that is empty is something else. */
function* keyLists(endpoints: readonly Endpoint[] | undefined): Generator<string[]> {
  if (endpoints === undefined) return;
  let first = 0;
  do {
    yield endpoints.slice(first, first + ENDPOINTS_IN_LINE).map(({ key }) => key);
    first += ENDPOINTS_IN_LINE;
  } while (first < endpoints.length);
}

import type { Addresses } from '../services.js';
import type { RunningLoad } from './running-load.js';
import { startTcpBulk } from './tcp-bulk.js';
import { startTcpConnections } from './tcp-connections.js';
import { startTcpRequests } from './tcp-requests.js';
import { startUdp } from './udp.js';

/** What the client process is to do for a while. */
export type Load =
  | { readonly kind: 'tcp-requests'; readonly connections: number }
  | { readonly kind: 'tcp-connections'; readonly atOnce: number }
  | { readonly kind: 'tcp-bulk'; readonly service: 'source' | 'sink'; readonly connections: number }
  | { readonly kind: 'udp'; readonly flows: number };

/** Starts a load. `failed` is told of the first thing that goes wrong; there is no result then. */
export function startLoad(
  load: Load,
  at: Addresses,
  failed: (error: Error) => void,
): Promise<RunningLoad> | RunningLoad {
  switch (load.kind) {
    case 'tcp-requests':
      return startTcpRequests(at.requests, load.connections, failed);
    case 'tcp-connections':
      return startTcpConnections(at.connections, load.atOnce, failed);
    case 'tcp-bulk':
      return startTcpBulk(at[load.service], load, failed);
    case 'udp':
      return startUdp(at.echo, load.flows, failed);
  }
}

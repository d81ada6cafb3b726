import type { Peer } from '../peer.js';

/** No peer at all: what the client, the endpoint and the kernel cost by themselves. */
export const DIRECT: Peer = {
  name: 'direct',
  start: (endpoints) => Promise.resolve({ addresses: endpoints, pids: [], stop: () => Promise.resolve() }),
};

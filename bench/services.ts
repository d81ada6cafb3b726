/**
 * What the endpoint process serves, a port each. A peer stands in front of all of them and offers the same.
 *
 * - `requests`: each REQUEST_BYTES get RESPONSE_BYTES, for as long as the connection lasts.
 * - `connections`: the same once; then the endpoint closes.
 * - `source`: sends for as long as it is read. `sink`: reads for as long as there is something.
 * - `echo`: each datagram goes back to its sender.
 */
export const SERVICES = {
  requests: 'TCP',
  connections: 'TCP',
  source: 'TCP',
  sink: 'TCP',
  echo: 'UDP',
} as const satisfies Record<string, 'TCP' | 'UDP'>;

export type ServiceName = keyof typeof SERVICES;

export interface SocketAddress {
  readonly address: string;
  readonly port: number;
}

/** Where each service is reached. */
export type Addresses = Readonly<Record<ServiceName, SocketAddress>>;

export const REQUEST_BYTES = 100;
export const RESPONSE_BYTES = 200;
export const DATAGRAM_BYTES = 64;

/** One write of a bulk transfer: large enough that the cost of a call does not count. */
export const BULK_WRITE_BYTES = 256 * 1024;

/** Asks `find` for each service. */
export function addressesOf(find: (service: ServiceName) => SocketAddress): Addresses {
  return {
    requests: find('requests'),
    connections: find('connections'),
    source: find('source'),
    sink: find('sink'),
    echo: find('echo'),
  };
}

/** `address:port`, an IPv6 address in brackets. Two endpoints are the same when their keys are. */
export type EndpointKey = string;

/** Where a connection of a service port may go: a pod's address (canonical text) and port. */
export interface Endpoint {
  readonly key: EndpointKey;
  readonly address: string;
  readonly port: number;
}

/** `address:port` in the form a URL takes, IPv6 in brackets. */
export function hostPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** The endpoint at this address, which must be in canonical text already. */
export function endpoint(address: string, port: number): Endpoint {
  return { key: hostPort(address, port), address, port };
}

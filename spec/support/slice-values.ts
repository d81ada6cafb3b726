import type { EndpointSlice, SliceEndpoint } from '../../src/model/endpoint-slice.js';

/** Slices and their endpoints, as they are after parsing: a spec names only what it is about. */

/** Of `default/web`, on port 8080 named http. */
export function aSlice(
  endpoints: readonly SliceEndpoint[],
  changes: Partial<EndpointSlice> = {},
): EndpointSlice {
  return {
    origin: 'EndpointSlice',
    triggeredAt: null,
    namespace: 'default',
    name: 'web-abc',
    service: 'web',
    ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
    endpoints,
    ...changes,
  };
}

/** An endpoint that is ready, unless something else is said. */
export function at(
  address: string,
  condition: 'ready' | 'not ready' | 'draining' | 'terminating' = 'ready',
  topology: Partial<Pick<SliceEndpoint, 'nodeName' | 'hints'>> = {},
): SliceEndpoint {
  return {
    address,
    family: address.includes(':') ? 'IPv6' : 'IPv4',
    ready: condition === 'ready',
    serving: condition === 'ready' || condition === 'draining',
    terminating: condition === 'draining' || condition === 'terminating',
    nodeName: null,
    hints: null,
    ...topology,
  };
}

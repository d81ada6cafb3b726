import type { Addresses, ServiceName } from '../services.js';
import { SERVICES } from '../services.js';

/** The Service that the bench declares; its ports are named as the services of the endpoint process. */
export const BENCH_SERVICE = 'default/bench';

/** The text of a YAML manifest that declares the endpoint process as the only endpoint of one Service with a port for each service. */
export function benchManifest(endpoints: Addresses): string {
  const names = Object.keys(SERVICES).filter((name): name is ServiceName => name in SERVICES);
  const addresses = new Set(names.map((name) => endpoints[name].address));
  if (addresses.size !== 1) throw new Error(`the endpoints have ${addresses.size} addresses, not one`);
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'bench', namespace: 'default' },
    spec: {
      clusterIP: '10.10.10.30',
      ports: names.map((name, index) => ({ name, protocol: SERVICES[name], port: 7000 + index })),
    },
  };
  const slice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: 'bench-1',
      namespace: 'default',
      labels: { 'kubernetes.io/service-name': 'bench' },
    },
    addressType: 'IPv4',
    ports: names.map((name) => ({ name, protocol: SERVICES[name], port: endpoints[name].port })),
    endpoints: [{ addresses: [...addresses], conditions: { ready: true } }],
  };
  // YAML takes JSON as it is.
  return [service, slice].map((object) => JSON.stringify(object)).join('\n---\n');
}

import { hostPort } from '../../model/endpoint.js';
import type { EndpointStatus, ServicePortStatus } from '../service-port-status.js';
import type { ServicePortCount } from './service-port-figures.js';

/**
 * Metrics that have a series for each endpoint, where `--metrics-per-endpoint` asks for them: endpoints come and go, and a
 * Prometheus keeps a series of each. In the order of docs/metrics.md.
 */
export const ENDPOINT_FIGURES: readonly ServicePortCount[] = [
  {
    name: 'kubesplice_endpoint_connections_active',
    type: 'gauge',
    help: 'TCP connections, or UDP sessions, that are open to an endpoint',
    label: 'endpoint',
    of: byEndpoint(({ connections }) => connections),
  },
  {
    name: 'kubesplice_endpoint_connections_total',
    type: 'counter',
    help: 'TCP connections, or UDP sessions, begun to an endpoint',
    label: 'endpoint',
    of: byEndpoint(({ totalConnections }) => totalConnections),
  },
  {
    name: 'kubesplice_endpoint_set_aside',
    type: 'gauge',
    help: '1 where an endpoint kept failing, and gets no new connection for a while',
    label: 'endpoint',
    of: byEndpoint(({ setAsideUntil }) => (setAsideUntil === null ? 0 : 1), Math.max),
  },
];

/** Of both portals together, those included that only open connections still use. */
function byEndpoint(
  figure: (endpoint: EndpointStatus) => number,
  together: (one: number, other: number) => number = (one, other) => one + other,
): ServicePortCount['of'] {
  return (servicePort: ServicePortStatus) => {
    const figures: Record<string, number> = {};
    const { external } = servicePort;
    for (const { endpoints, drainingEndpoints } of external === null
      ? [servicePort]
      : [servicePort, external])
      for (const endpoint of [...endpoints, ...drainingEndpoints]) {
        const key = hostPort(endpoint.address, endpoint.port);
        figures[key] = together(figures[key] ?? 0, figure(endpoint));
      }
    return figures;
  };
}

import { describe, expect, it } from 'vitest';
import { endpoint } from '../../src/model/endpoint.js';
import type { ServicePort } from '../../src/model/service-port.js';
import type { ServiceState } from '../../src/model/service-state.js';
import {
  hasHealthCheck,
  healthCheckBody,
  healthCheckOf,
  healthCheckStatus,
} from '../../src/status/health-check-answer.js';
import { aServicePort } from '../support/proxy-values.js';

const http = aServicePort({
  name: 'shop/web:http',
  namespace: 'shop',
  service: 'web',
  nodePort: 30_080,
  externalTrafficPolicy: 'Local',
  healthCheckNodePort: 32_000,
});
const https: ServicePort = {
  ...http,
  name: 'shop/web:https',
  portName: 'https',
  port: 443,
  nodePort: 30_443,
};
const [here, alsoHere, there] = [
  endpoint('10.1.0.1', 80),
  endpoint('10.1.0.2', 80),
  endpoint('10.1.0.3', 80),
];

/** Every service port with both its lists of endpoints. */
function state(...entries: readonly [ServicePort, Partial<Record<'all' | 'external', (typeof here)[]>>][]) {
  const listed = (which: 'all' | 'external') =>
    new Map(entries.flatMap(([{ name }, { [which]: list }]) => (list === undefined ? [] : [[name, list]])));
  return {
    servicePorts: new Map(entries.map(([servicePort]) => [servicePort.name, servicePort])),
    endpoints: listed('all'),
    externalEndpoints: listed('external'),
  } as ServiceState;
}

describe('what a load balancer is told of a Service', () => {
  it('is in the words of kube-proxy 1.25', () => {
    const check = { namespace: 'shop', service: 'web', port: 32_000, localEndpoints: 2 };
    expect(healthCheckBody(check)).toBe(
      '{\n\t"service": {\n\t\t"namespace": "shop",\n\t\t"name": "web"\n\t},\n\t"localEndpoints": 2\n}',
    );
    expect(healthCheckStatus(check)).toBe(200);
    expect(healthCheckStatus({ ...check, localEndpoints: 0 })).toBe(503);
  });

  it('counts the endpoints that external traffic may go to', () => {
    const told = healthCheckOf(
      [http.name],
      state([http, { all: [here, alsoHere, there], external: [here] }]),
    );
    expect(told).toEqual({ namespace: 'shop', service: 'web', port: 32_000, localEndpoints: 1 });
  });

  it('counts those that all traffic goes to where that stays on the node too', () => {
    const local: ServicePort = { ...http, internalTrafficPolicy: 'Local' };
    expect(healthCheckOf([http.name], state([local, { all: [here, alsoHere] }]))?.localEndpoints).toBe(2);
  });

  it('counts none of other nodes where nothing is known of external traffic', () => {
    expect(healthCheckOf([http.name], state([http, { all: [there] }]))?.localEndpoints).toBe(0);
  });

  it('counts a pod once, whatever number of service ports it serves', () => {
    const told = healthCheckOf(
      [http.name, https.name],
      state(
        [http, { external: [here, alsoHere] }],
        [https, { external: [endpoint('10.1.0.1', 443), endpoint('10.1.0.3', 443)] }],
      ),
    );
    expect(told?.localEndpoints).toBe(3);
  });

  it('is nothing where nobody asks', () => {
    const cluster: ServicePort = { ...http, externalTrafficPolicy: 'Cluster' };
    const unasked: ServicePort = { ...http, healthCheckNodePort: null };
    expect([http, cluster, unasked].map(hasHealthCheck)).toEqual([true, false, false]);
    expect(healthCheckOf([http.name], state([cluster, { all: [here] }]))).toBeUndefined();
    expect(healthCheckOf([http.name], state())).toBeUndefined();
  });
});

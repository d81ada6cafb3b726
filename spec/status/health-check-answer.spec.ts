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

type Lists = Partial<Record<'all' | 'external' | 'ready', (typeof here)[]>>;

/** Every service port with its lists of endpoints: `ready` are those on the node. */
function state(...entries: readonly [ServicePort, Lists][]): ServiceState {
  const listed = (which: keyof Lists) =>
    new Map(
      entries.flatMap(([{ name }, { [which]: list }]) => (list === undefined ? [] : [[name, list] as const])),
    );
  return {
    servicePorts: new Map(entries.map(([servicePort]) => [servicePort.name, servicePort])),
    endpoints: listed('all'),
    externalEndpoints: listed('external'),
    readyLocalEndpoints: listed('ready'),
  };
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

  it('counts the ready endpoints on the node, whatever traffic may use', () => {
    const told = healthCheckOf(
      [http.name],
      state([http, { all: [here, alsoHere, there], external: [here, alsoHere], ready: [here] }]),
    );
    expect(told).toEqual({ namespace: 'shop', service: 'web', port: 32_000, localEndpoints: 1 });
  });

  it('counts none where those that traffic may use all terminate', () => {
    const told = healthCheckOf([http.name], state([http, { all: [there], external: [here], ready: [] }]));
    expect(told?.localEndpoints).toBe(0);
  });

  it('counts those on the node where nothing leads to the Service from outside yet', () => {
    const unreached: ServicePort = { ...http, nodePort: null };
    const told = healthCheckOf([http.name], state([unreached, { all: [here, there], ready: [here] }]));
    expect(told?.localEndpoints).toBe(1);
  });

  it('counts a pod once, whatever number of service ports it serves', () => {
    const told = healthCheckOf(
      [http.name, https.name],
      state(
        [http, { ready: [here, alsoHere] }],
        [https, { ready: [endpoint('10.1.0.1', 443), endpoint('10.1.0.3', 443)] }],
      ),
    );
    expect(told?.localEndpoints).toBe(3);
  });

  it('counts a pod of two families once, and one of the other family too', () => {
    const [overIPv6, alsoOverIPv6] = [endpoint('fd00::1', 80), endpoint('fd00::2', 80)];
    const count = (...ready: (typeof here)[]) =>
      healthCheckOf([http.name], state([http, { ready }]))?.localEndpoints;
    expect(count(here, alsoHere, overIPv6, alsoOverIPv6)).toBe(2);
    expect(count(overIPv6)).toBe(1);
  });

  it('is nothing where nobody asks', () => {
    const cluster: ServicePort = { ...http, externalTrafficPolicy: 'Cluster' };
    const unasked: ServicePort = { ...http, healthCheckNodePort: null };
    expect([http, cluster, unasked].map(hasHealthCheck)).toEqual([true, false, false]);
    expect(healthCheckOf([http.name], state([cluster, { all: [here] }]))).toBeUndefined();
    expect(healthCheckOf([http.name], state())).toBeUndefined();
  });
});

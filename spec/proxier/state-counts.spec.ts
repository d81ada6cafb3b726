import { describe, expect, it } from 'vitest';
import type { Endpoint } from '../../src/model/endpoint.js';
import type { ServicePort, ServicePortName } from '../../src/model/service-port.js';
import { EMPTY_STATE, type ServiceState } from '../../src/model/service-state.js';
import { StateCounts } from '../../src/proxier/state-counts.js';
import { aServicePort, endpoints } from '../support/proxy-values.js';

function state(...ports: readonly (readonly [ServicePort, readonly Endpoint[]])[]): ServiceState {
  const servicePorts = new Map<ServicePortName, ServicePort>(ports.map(([port]) => [port.name, port]));
  return { ...EMPTY_STATE, servicePorts, endpoints: new Map(ports.map(([port, list]) => [port.name, list])) };
}

describe('the counts of a state', () => {
  it('are nothing of nothing', () => {
    expect(new StateCounts().of(EMPTY_STATE)).toEqual({ services: 0, endpoints: 0 });
  });

  it('are Services, however many ports they have, and the endpoints of each port', () => {
    const web = aServicePort({ name: 'default/web:http', namespace: 'default', service: 'web' });
    const admin = aServicePort({ ...web, name: 'default/web:admin' });
    const other = aServicePort({ ...web, name: 'other/web:http', namespace: 'other' });
    const counts = new StateCounts();
    const before = state([web, endpoints(1, 2)], [admin, endpoints(1)], [other, []]);
    expect(counts.of(before)).toEqual({ services: 2, endpoints: 3 });
    expect(counts.of(before)).toBe(counts.of(before));
    expect(counts.of(state([web, endpoints(1)]))).toEqual({ services: 1, endpoints: 1 });
  });
});

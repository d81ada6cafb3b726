import { describe, expect, it } from 'vitest';
import { EMPTY_STATE, type ServiceState } from '../../src/model/service-state.js';
import { portalName, sameRouting, stateDifference, wantedPortal } from '../../src/proxier/wanted-portals.js';
import { aServicePort, endpoints } from '../support/proxy-values.js';

/** Whatever of them differs. */
function changedIn(before: ServiceState, after: ServiceState): ReadonlySet<string> {
  const { services, endpoints } = stateDifference(before, after);
  return new Set([...services, ...endpoints]);
}

const web = aServicePort({ name: 'default/web', sessionAffinity: { type: 'ClientIP', timeoutSeconds: 10 } });
const state: ServiceState = {
  servicePorts: new Map([[web.name, web]]),
  endpoints: new Map([[web.name, endpoints(1, 2)]]),
  externalEndpoints: new Map([[web.name, endpoints(2)]]),
  readyLocalEndpoints: new Map(),
};

describe('the portals that a state wants', () => {
  it('are named apart', () => {
    expect(portalName('default/web:http', 'internal')).toBe('default/web:http');
    expect(portalName('default/web:http', 'external')).toBe('default/web:http@external');
  });

  it('have each the endpoints of its traffic, and the same affinity', () => {
    const { sessionAffinity } = web;
    expect(wantedPortal(state, web.name, 'internal')).toEqual({
      protocol: 'TCP',
      routing: { endpoints: endpoints(1, 2), sessionAffinity },
    });
    expect(wantedPortal(state, web.name, 'external')).toEqual({
      protocol: 'TCP',
      routing: { endpoints: endpoints(2), sessionAffinity },
    });
  });

  it('are one where both kinds of traffic follow one policy, and one for a service port without endpoints', () => {
    const bare = { ...EMPTY_STATE, servicePorts: state.servicePorts };
    expect(wantedPortal(bare, web.name, 'internal')?.routing.endpoints).toEqual([]);
    expect(wantedPortal(bare, web.name, 'external')).toBeUndefined();
  });

  it('are none for a service port that is not there', () => {
    const gone = { ...state, servicePorts: new Map() };
    expect(wantedPortal(gone, web.name, 'internal')).toBeUndefined();
    expect(wantedPortal(gone, web.name, 'external')).toBeUndefined();
  });
});

describe('the service ports that changed', () => {
  const api = aServicePort({ name: 'default/api' });

  it.each<[string, Partial<ServiceState>]>([
    ['itself', { servicePorts: new Map([[web.name, { ...web, port: 81 }]]) }],
    ['its absence', { servicePorts: new Map() }],
    ['its endpoints', { endpoints: new Map([[web.name, endpoints(3)]]) }],
    ['its endpoints for external traffic', { externalEndpoints: new Map() }],
  ])('are found by %s', (_, change) => {
    expect([...changedIn(state, { ...state, ...change })]).toEqual([web.name]);
  });

  it('are none where only what a load balancer is told is different', () => {
    const told = { ...state, readyLocalEndpoints: new Map([[web.name, endpoints(1)]]) };
    expect(changedIn(state, told).size).toBe(0);
  });

  it('are none between a state and itself, and only those that differ otherwise', () => {
    expect(changedIn(state, { ...state }).size).toBe(0);
    const more = { ...state, servicePorts: new Map([...state.servicePorts, [api.name, api]]) };
    expect([...changedIn(state, more)]).toEqual([api.name]);
  });
});

describe('a routing', () => {
  const some = endpoints(1);
  const none = { type: 'None' } as const;
  const tenSeconds = { type: 'ClientIP', timeoutSeconds: 10 } as const;
  const routing = { endpoints: some, sessionAffinity: tenSeconds };

  it('is the same with the very same endpoints and an equal affinity', () => {
    expect(sameRouting(routing, { endpoints: some, sessionAffinity: { ...tenSeconds } })).toBe(true);
    expect(
      sameRouting({ endpoints: some, sessionAffinity: none }, { ...routing, sessionAffinity: { ...none } }),
    ).toBe(true);
  });

  it.each([
    ['other endpoints', { endpoints: endpoints(1), sessionAffinity: tenSeconds }],
    ['another timeout', { endpoints: some, sessionAffinity: { ...tenSeconds, timeoutSeconds: 11 } }],
    ['an endpoint that leads back', { ...routing, leadsBack: new Set(['10.1.0.1:1']) }],
    ['no affinity', { endpoints: some, sessionAffinity: none }],
  ])('is not with %s', (_, other) => {
    expect(sameRouting(routing, other)).toBe(false);
    expect(sameRouting(other, routing)).toBe(false);
  });
});

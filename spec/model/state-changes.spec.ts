import { describe, expect, it } from 'vitest';
import { EMPTY_SHARED_STATE, type SharedState } from '../../src/model/service-state.js';
import { StateChanges } from '../../src/model/state-changes.js';
import { aServicePort, endpoints } from '../support/proxy-values.js';

const { name } = aServicePort();

function stateAfter(state: SharedState, change: (changes: StateChanges) => void): SharedState {
  const changes = new StateChanges(state);
  change(changes);
  return changes.applied();
}

const state = stateAfter(EMPTY_SHARED_STATE, (changes) =>
  changes.set(aServicePort(), { endpoints: endpoints(3001, 3002), externalEndpoints: endpoints(3001) }),
);

describe('StateChanges', () => {
  it('sets a service port and its endpoints', () => {
    expect(state.servicePorts.get(name)).toEqual(aServicePort());
    expect(state.endpoints.get(name)).toEqual(endpoints(3001, 3002));
    expect(state.externalEndpoints.get(name)).toEqual(endpoints(3001));
  });

  it('keeps what is equal, and the state where all is', () => {
    const changes = new StateChanges(state);
    const kept = changes.kept(aServicePort());
    expect(kept).toBe(state.servicePorts.get(name));
    changes.set(kept, { endpoints: endpoints(3001, 3002), externalEndpoints: endpoints(3001) });
    expect(changes.applied()).toBe(state);
  });

  it('keeps only what is equal', () => {
    const other = aServicePort({ nodePort: 30080 });
    expect(new StateChanges(state).kept(other)).toBe(other);
    const next = stateAfter(state, (changes) =>
      changes.set(aServicePort(), { endpoints: endpoints(3001, 3003), externalEndpoints: endpoints(3001) }),
    );
    expect(next.endpoints.get(name)).toEqual(endpoints(3001, 3003));
    expect(next.externalEndpoints).toBe(state.externalEndpoints);
  });

  it('has no entry for a service port without endpoints, but one for traffic from outside that has none', () => {
    const next = stateAfter(state, (changes) =>
      changes.set(aServicePort(), { endpoints: [], externalEndpoints: [] }),
    );
    expect(next.endpoints.has(name)).toBe(false);
    expect(next.externalEndpoints.get(name)).toEqual([]);
  });

  it('removes a service port with all that it had', () => {
    expect(stateAfter(state, (changes) => changes.remove(name))).toEqual(EMPTY_SHARED_STATE);
  });

  it('lets the last of several changes count', () => {
    const next = stateAfter(state, (changes) => {
      changes.remove(name);
      changes.set(changes.kept(aServicePort()), {
        endpoints: endpoints(3001, 3002),
        externalEndpoints: endpoints(3001),
      });
    });
    expect(next).toBe(state);
  });
});

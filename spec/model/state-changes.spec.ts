import { describe, expect, it } from 'vitest';
import { EMPTY_SHARED_STATE, type SharedState } from '../../src/model/service-state.js';
import { StateChanges } from '../../src/model/state-changes.js';
import { aServicePort, endpoints } from '../support/proxy-values.js';

const { name } = aServicePort();
const found = {
  endpoints: endpoints(3001, 3002),
  externalEndpoints: endpoints(3001),
  readyLocalEndpoints: endpoints(3001),
};

function stateAfter(state: SharedState, change: (changes: StateChanges) => void): SharedState {
  const changes = new StateChanges(state);
  change(changes);
  return changes.applied();
}

const state = stateAfter(EMPTY_SHARED_STATE, (changes) => changes.set(aServicePort(), found));

describe('StateChanges', () => {
  it('sets a service port and its endpoints', () => {
    expect(state.servicePorts.get(name)).toEqual(aServicePort());
    expect(state.endpoints.get(name)).toEqual(endpoints(3001, 3002));
    expect(state.externalEndpoints.get(name)).toEqual(endpoints(3001));
    expect(state.readyLocalEndpoints.get(name)).toEqual(endpoints(3001));
  });

  it('keeps what is equal, and the state where all is', () => {
    const changes = new StateChanges(state);
    const kept = changes.kept(aServicePort());
    expect(kept).toBe(state.servicePorts.get(name));
    changes.set(kept, {
      endpoints: endpoints(3001, 3002),
      externalEndpoints: endpoints(3001),
      readyLocalEndpoints: endpoints(3001),
    });
    expect(changes.applied()).toBe(state);
  });

  it('keeps only what is equal', () => {
    const other = aServicePort({ nodePort: 30080 });
    expect(new StateChanges(state).kept(other)).toBe(other);
    const next = stateAfter(state, (changes) =>
      changes.set(aServicePort(), { ...found, endpoints: endpoints(3001, 3003) }),
    );
    expect(next.endpoints.get(name)).toEqual(endpoints(3001, 3003));
    expect(next.externalEndpoints).toBe(state.externalEndpoints);
    expect(next.readyLocalEndpoints).toBe(state.readyLocalEndpoints);
  });

  it('is another state where only what is ready on the node changed, with all else the same', () => {
    const next = stateAfter(state, (changes) =>
      changes.set(changes.kept(aServicePort()), { ...found, readyLocalEndpoints: [] }),
    );
    expect(next).not.toBe(state);
    expect({ ...next, readyLocalEndpoints: null }).toEqual({ ...state, readyLocalEndpoints: null });
    expect(next.endpoints).toBe(state.endpoints);
    expect(next.externalEndpoints).toBe(state.externalEndpoints);
    expect(next.readyLocalEndpoints.get(name)).toEqual([]);
  });

  it('has no entry for a service port without endpoints, but empty ones where a list is asked for', () => {
    const none = { endpoints: [], externalEndpoints: [], readyLocalEndpoints: [] };
    const next = stateAfter(state, (changes) => changes.set(aServicePort(), none));
    expect(next.endpoints.has(name)).toBe(false);
    expect(next.externalEndpoints.get(name)).toEqual([]);
    expect(next.readyLocalEndpoints.get(name)).toEqual([]);
  });

  it('has no list for a service port that nobody asks for one any more', () => {
    const unasked = { ...found, externalEndpoints: undefined, readyLocalEndpoints: undefined };
    const next = stateAfter(state, (changes) => changes.set(aServicePort(), unasked));
    expect([next.externalEndpoints.size, next.readyLocalEndpoints.size]).toEqual([0, 0]);
  });

  describe('when what the endpoints were changed for happened', () => {
    const [first, second] = [1_000, 2_000];
    const known = stateAfter(EMPTY_SHARED_STATE, (changes) => changes.set(aServicePort(), found, first));

    it('is that of a change of endpoints, of either kind', () => {
      expect(known.endpointsTriggeredAt.get(name)).toBe(first);
      for (const other of [{ endpoints: endpoints(1) }, { externalEndpoints: endpoints(1) }]) {
        const next = stateAfter(known, (changes) =>
          changes.set(aServicePort(), { ...found, ...other }, second),
        );
        expect(next.endpointsTriggeredAt.get(name)).toBe(second);
      }
    });

    it('stays what it was where no endpoint changes, and so does the state', () => {
      const next = stateAfter(known, (changes) => changes.set(changes.kept(aServicePort()), found, second));
      expect(next).toBe(known);
    });

    it('is unknown where nobody tells', () => {
      const next = stateAfter(known, (changes) => changes.set(aServicePort(), { ...found, endpoints: [] }));
      expect(next.endpointsTriggeredAt.has(name)).toBe(false);
    });
  });

  it('removes a service port with all that it had', () => {
    expect(stateAfter(state, (changes) => changes.remove(name))).toEqual(EMPTY_SHARED_STATE);
  });

  it('lets the last of several changes count', () => {
    const next = stateAfter(state, (changes) => {
      changes.remove(name);
      changes.set(changes.kept(aServicePort()), found);
    });
    expect(next).toBe(state);
  });
});

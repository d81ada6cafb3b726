import { describe, expect, it } from 'vitest';
import { EMPTY_STATE, type ServiceState } from '../../src/model/service-state.js';
import { PendingChanges } from '../../src/proxier/pending-changes.js';
import { stateDifference } from '../../src/proxier/wanted-portals.js';
import { aServicePort, endpoints } from '../support/proxy-values.js';
import { stateOf } from '../support/started-proxier.js';

const STARTED = 1_000_000;
const web = aServicePort({ name: 'default/web:http' });
const metrics = aServicePort({ name: 'default/web:metrics' });
const api = aServicePort({ name: 'default/api' });

function at(state: ServiceState, times: Record<string, number>): ServiceState {
  return { ...state, endpointsTriggeredAt: new Map(Object.entries(times)) } as ServiceState;
}

function note(changes: PendingChanges, before: ServiceState, after: ServiceState): void {
  changes.note(stateDifference(before, after), after.endpointsTriggeredAt);
}

describe('the changes that wait for a sync', () => {
  it('are of service ports and of their endpoints, and counted each time', () => {
    const changes = new PendingChanges(STARTED);
    const one = stateOf([web, ...endpoints(1)], [api]);
    const two = stateOf([web, ...endpoints(1, 2)], [{ ...api, port: 81 }, ...endpoints(3)]);
    note(changes, EMPTY_STATE, one);
    note(changes, one, two);
    // Two that come, one of which changes; their endpoints, even if there are none, and those of the other.
    expect(changes.counts).toEqual({ services: 3, pendingServices: 3, endpoints: 4, pendingEndpoints: 4 });
  });

  it('are those of external traffic, too, and one where both change', () => {
    const changes = new PendingChanges(STARTED);
    const before = stateOf([web, ...endpoints(1)]);
    const after = stateOf([web, ...endpoints(2)]);
    const external = new Map([[web.name, endpoints(3)]]);
    note(changes, before, { ...before, externalEndpoints: external });
    expect(changes.counts.endpoints).toBe(1);
    note(changes, before, { ...after, externalEndpoints: external });
    expect(changes.counts.endpoints).toBe(2);
  });

  it('wait until a sync that began after them has ended well', () => {
    const changes = new PendingChanges(STARTED);
    const [one, two] = [stateOf([web]), stateOf([web], [api])];
    note(changes, EMPTY_STATE, one);
    changes.syncBegins();
    note(changes, one, two);
    expect(changes.counts.pendingServices).toBe(2);
    changes.syncSucceeded(STARTED);
    expect(changes.counts).toMatchObject({ services: 2, pendingServices: 1 });
    // One that fails brings nothing about.
    changes.syncBegins();
    changes.syncBegins();
    changes.syncSucceeded(STARTED);
    expect(changes.counts).toMatchObject({ services: 2, pendingServices: 0, pendingEndpoints: 0 });
  });

  it('tell when they are brought about how long ago their cause was, once for a Service', () => {
    const changes = new PendingChanges(STARTED);
    const name = [web.name, metrics.name, api.name];
    const [first, second] = [STARTED + 100, STARTED + 300];
    const state = stateOf([web, ...endpoints(1)], [metrics, ...endpoints(1)], [api, ...endpoints(2)]);
    note(
      changes,
      EMPTY_STATE,
      at(state, { [name[0] ?? '']: first, [name[1] ?? '']: first, [name[2] ?? '']: second }),
    );
    changes.syncBegins();
    expect(changes.syncSucceeded(STARTED + 1_000).toSorted()).toEqual([700, 900]);
    changes.syncBegins();
    expect(changes.syncSucceeded(STARTED + 2_000)).toEqual([]);
  });

  it('tell it of every cause where a Service changed several times, also after syncs that failed', () => {
    const changes = new PendingChanges(STARTED);
    const one = at(stateOf([web, ...endpoints(1)]), { [web.name]: STARTED + 100 });
    const two = at(stateOf([web, ...endpoints(2)]), { [web.name]: STARTED + 200 });
    note(changes, EMPTY_STATE, one);
    changes.syncBegins();
    note(changes, one, two);
    changes.syncBegins();
    expect(changes.syncSucceeded(STARTED + 1_000).toSorted()).toEqual([800, 900]);
  });

  it('tell nothing of what was caused before this process started, or is not known, and nothing negative', () => {
    const changes = new PendingChanges(STARTED);
    const state = stateOf([web, ...endpoints(1)], [metrics, ...endpoints(1)], [api, ...endpoints(2)]);
    note(changes, EMPTY_STATE, at(state, { [web.name]: STARTED, [api.name]: STARTED + 5_000 }));
    changes.syncBegins();
    expect(changes.syncSucceeded(STARTED + 1_000)).toEqual([0]);
  });
});

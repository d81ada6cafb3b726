import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EMPTY_OVERLAY, type Overlay, overlayState } from '../../src/model/overlay-state.js';
import { PersistentMap } from '../../src/model/persistent-map.js';
import type { ServicePortName } from '../../src/model/service-port.js';
import { EMPTY_STATE, type ServiceState } from '../../src/model/service-state.js';
import { aServicePort, endpoints } from '../support/proxy-values.js';

const NAMES: readonly ServicePortName[] = [
  'default/a',
  'default/a:http',
  'default/b:http',
  'default/ab',
  'x/a:http',
];

/** What a service port has: endpoints where it has any, and external or ready ones on the node where it has those. */
interface Had {
  readonly endpoints: number[];
  readonly external: number[] | null;
  readonly readyLocal?: number[] | null | undefined;
}
type Sketch = Readonly<Partial<Record<ServicePortName, Had>>>;

const numbers = fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 2 });
const sketch: fc.Arbitrary<Sketch> = fc.dictionary(
  fc.constantFrom(...NAMES),
  fc.record({ endpoints: numbers, external: fc.option(numbers), readyLocal: fc.option(numbers) }),
);

function stateOf(drawn: Sketch): ServiceState {
  const entries = Object.entries(drawn) as [ServicePortName, NonNullable<Sketch[ServicePortName]>][];
  return {
    servicePorts: PersistentMap.from(entries.map(([name]) => [name, aServicePort({ name })] as const)),
    endpoints: PersistentMap.from(
      entries
        .filter(([, had]) => had.endpoints.length > 0)
        .map(([name, had]) => [name, endpoints(...had.endpoints)]),
    ),
    externalEndpoints: PersistentMap.from(
      entries.flatMap(([name, { external }]) =>
        external === null ? [] : [[name, endpoints(...external)] as const],
      ),
    ),
    readyLocalEndpoints: PersistentMap.from(
      entries.flatMap(([name, { readyLocal }]) =>
        readyLocal ? [[name, endpoints(...readyLocal)] as const] : [],
      ),
    ),
  };
}

/** What the overlay has to be, said without any thought of cost. */
function expected(upper: ServiceState, lower: ServiceState) {
  const services = new Set([...upper.servicePorts.keys()].map((name) => name.split(':')[0]));
  const over = <V>(above: ReadonlyMap<ServicePortName, V>, below: ReadonlyMap<ServicePortName, V>) =>
    new Map([...[...below].filter(([name]) => !services.has(name.split(':')[0])), ...above]);
  return {
    servicePorts: over(upper.servicePorts, lower.servicePorts),
    endpoints: over(upper.endpoints, lower.endpoints),
    externalEndpoints: over(upper.externalEndpoints, lower.externalEndpoints),
    readyLocalEndpoints: over(upper.readyLocalEndpoints, lower.readyLocalEndpoints),
  };
}

function plain(state: ServiceState) {
  return {
    servicePorts: new Map(state.servicePorts),
    endpoints: new Map(state.endpoints),
    externalEndpoints: new Map(state.externalEndpoints),
    readyLocalEndpoints: new Map(state.readyLocalEndpoints),
  };
}

describe('a state laid over another', () => {
  it('has every Service of the upper one whole, and the others of the lower one, after any changes', () => {
    const change = fc.record({ layer: fc.constantFrom('upper' as const, 'lower' as const), drawn: sketch });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 8 }), (changes) => {
        let overlay: Overlay = EMPTY_OVERLAY;
        let states = { upper: EMPTY_STATE, lower: EMPTY_STATE };
        for (const { layer, drawn } of changes) {
          states = { ...states, [layer]: stateOf(drawn) };
          overlay = overlayState(states.upper, states.lower, overlay);
          expect(plain(overlay.state)).toEqual(expected(states.upper, states.lower));
          const hidden = [...states.lower.servicePorts.keys()].filter((name) =>
            overlay.upperServices.has(name.split(':')[0] ?? ''),
          );
          expect(new Set(overlay.hidden)).toEqual(new Set(hidden));
        }
      }),
    );
  });

  it('keeps its identity where nothing changed', () => {
    const upper = stateOf({ 'default/a': { endpoints: [1], external: null } });
    const lower = stateOf({ 'default/b:http': { endpoints: [1], external: [] } });
    const overlay = overlayState(upper, lower);
    expect(overlayState(upper, lower, overlay).state).toBe(overlay.state);
    const moreHidden = {
      ...lower,
      servicePorts: PersistentMap.from([
        ...lower.servicePorts,
        ['default/a:x', aServicePort({ name: 'default/a:x' })],
      ]),
    };
    const after = overlayState(upper, moreHidden, overlay);
    expect(new Map(after.state.servicePorts)).toEqual(new Map(overlay.state.servicePorts));
    expect([...after.hidden]).toEqual(['default/a:x']);
  });

  it('shares the maps in which nothing changed', () => {
    const upper = stateOf({ 'default/a': { endpoints: [1], external: null } });
    const lower = stateOf({ 'default/b:http': { endpoints: [1], external: [] } });
    const before = overlayState(upper, lower);
    const moved = { ...lower, endpoints: PersistentMap.from([['default/b:http', endpoints(2)] as const]) };
    const after = overlayState(upper, moved, before);
    expect(after.state.servicePorts).toBe(before.state.servicePorts);
    expect(after.state.externalEndpoints).toBe(before.state.externalEndpoints);
    expect(after.state.endpoints.get('default/b:http')).toEqual(endpoints(2));
    expect(after.state.endpoints.get('default/a')).toBe(upper.endpoints.get('default/a'));
  });

  it('is another where only what is ready on the node changed', () => {
    const lower = stateOf({ 'default/b:http': { endpoints: [1], external: [1], readyLocal: [1] } });
    const before = overlayState(EMPTY_STATE, lower);
    const none = { ...lower, readyLocalEndpoints: PersistentMap.from([['default/b:http', endpoints()]]) };
    const after = overlayState(EMPTY_STATE, none, before);
    expect(after.state).not.toBe(before.state);
    expect(after.state.externalEndpoints).toBe(before.state.externalEndpoints);
    expect([...after.state.readyLocalEndpoints]).toEqual([['default/b:http', []]]);
  });
});

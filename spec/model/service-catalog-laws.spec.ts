import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endpointsOf } from '../../src/model/eligible-endpoints.js';
import type { EndpointSlice } from '../../src/model/endpoint-slice.js';
import { type NodeTopology, UNKNOWN_NODE } from '../../src/model/node.js';
import type { Service } from '../../src/model/service.js';
import { ServiceCatalog } from '../../src/model/service-catalog.js';
import type { ServiceState } from '../../src/model/service-state.js';
import { nodes, services, slices } from '../support/slice-arbitraries.js';

/** The objects that a catalog was told of, held in the plainest way, and the state they make, worked out anew. */
class PlainObjects {
  readonly services = new Map<string, Service>();
  readonly slices = new Map<string, readonly EndpointSlice[]>();
  node: NodeTopology = UNKNOWN_NODE;

  state(): PlainState {
    const state: PlainState = {
      servicePorts: {},
      endpoints: {},
      externalEndpoints: {},
      readyLocalEndpoints: {},
    };
    for (const { name: owner, namespace, primaryFamily, servicePorts } of this.services.values()) {
      const own = [...this.slices.values()]
        .flat()
        .filter((slice) => slice.namespace === namespace && slice.service === owner);
      for (const servicePort of servicePorts) {
        const found = endpointsOf(servicePort, primaryFamily, own, this.node);
        state.servicePorts[servicePort.name] = servicePort;
        if (found.endpoints.length > 0) state.endpoints[servicePort.name] = found.endpoints;
        if (found.externalEndpoints !== undefined)
          state.externalEndpoints[servicePort.name] = found.externalEndpoints;
        if (found.readyLocalEndpoints !== undefined)
          state.readyLocalEndpoints[servicePort.name] = found.readyLocalEndpoints;
      }
    }
    return state;
  }
}

/** But for the times, which depend on the order of changes. */
type PlainState = Record<Exclude<keyof ServiceState, 'endpointsTriggeredAt'>, Record<string, unknown>>;

const plain = (state: ServiceState): PlainState => ({
  servicePorts: Object.fromEntries(state.servicePorts),
  endpoints: Object.fromEntries(state.endpoints),
  externalEndpoints: Object.fromEntries(state.externalEndpoints),
  readyLocalEndpoints: Object.fromEntries(state.readyLocalEndpoints),
});

/** What happens to a catalog, done to both. */
type Change = (catalog: ServiceCatalog, objects: PlainObjects) => void;

const objectKey = fc.constantFrom('one', 'two', 'three');
const serviceName = fc.constantFrom('web', 'api', 'dns');

const change: fc.Arbitrary<Change> = fc.oneof(
  services.map((drawn): Change => {
    return (catalog, objects) => {
      for (const service of drawn) {
        catalog.setService(`${service.namespace}/${service.name}`, service);
        objects.services.set(service.name, service);
      }
    };
  }),
  serviceName.map((name): Change => {
    return (catalog, objects) => {
      catalog.setService(`default/${name}`, undefined);
      objects.services.delete(name);
    };
  }),
  fc.tuple(objectKey, slices).map(([key, drawn]): Change => {
    return (catalog, objects) => {
      catalog.setSlices(key, drawn);
      objects.slices.set(key, drawn);
    };
  }),
  nodes.map((node): Change => {
    return (catalog, objects) => {
      catalog.setNode(node);
      objects.node = node;
    };
  }),
  services.map((drawn): Change => {
    return (catalog, objects) => {
      catalog.replaceServices(drawn);
      objects.services.clear();
      for (const service of drawn) objects.services.set(service.name, service);
    };
  }),
  fc.uniqueArray(fc.tuple(objectKey, slices), { selector: ([key]) => key }).map((drawn): Change => {
    return (catalog, objects) => {
      catalog.replaceSlices(drawn);
      objects.slices.clear();
      for (const [key, held] of drawn) objects.slices.set(key, held);
    };
  }),
);

/** Several changes between one look at the state and the next. */
const history = fc.array(fc.array(change, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 8 });

describe('whatever a catalog is told', () => {
  it('its state is the one that the objects make, worked out anew', () => {
    fc.assert(
      fc.property(history, (steps) => {
        const catalog = new ServiceCatalog();
        const objects = new PlainObjects();
        for (const step of steps) {
          for (const happen of step) happen(catalog, objects);
          expect(plain(catalog.state())).toEqual(objects.state());
        }
      }),
      { numRuns: 300 },
    );
  });

  it('what is equal in two states is the same in both, and what is not is another', () => {
    fc.assert(
      fc.property(history, (steps) => {
        const catalog = new ServiceCatalog();
        const objects = new PlainObjects();
        let before = catalog.state();
        for (const step of steps) {
          for (const happen of step) happen(catalog, objects);
          const after = catalog.state();
          expectIdentity(before, after);
          before = after;
        }
      }),
      { numRuns: 300 },
    );
  });
});

function expectIdentity(before: ServiceState, after: ServiceState): void {
  const [was, is] = [plain(before), plain(after)];
  expect(before === after).toBe(textOf(was) === textOf(is));
  for (const key of ['servicePorts', 'endpoints', 'externalEndpoints', 'readyLocalEndpoints'] as const) {
    expect(before[key] === after[key]).toBe(textOf(was[key]) === textOf(is[key]));
    for (const [name, value] of Object.entries(is[key])) {
      const isEqual = textOf(was[key][name]) === textOf(value);
      expect(was[key][name] === value).toBe(isEqual);
    }
  }
}

/** Equal for equal values, whatever the order of their fields. */
function textOf(value: unknown): string {
  return JSON.stringify(value, (_key, held: unknown) =>
    typeof held === 'object' && held !== null && !Array.isArray(held)
      ? Object.fromEntries(Object.entries(held).sort(([one], [other]) => (one < other ? -1 : 1)))
      : held,
  );
}

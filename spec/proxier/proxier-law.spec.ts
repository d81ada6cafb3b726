import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { SILENT_LOGGER } from '../../src/host/log.js';
import type { Endpoint } from '../../src/model/endpoint.js';
import { KubeSpliceError } from '../../src/model/errors.js';
import { PersistentMap } from '../../src/model/persistent-map.js';
import type { ServicePort, ServicePortName } from '../../src/model/service-port.js';
import { EMPTY_STATE, type ServiceState } from '../../src/model/service-state.js';
import { Proxier } from '../../src/proxier/proxier.js';
import { relayName } from '../../src/proxier/wanted-portals.js';
import type { PortalRequest, RelayEngine } from '../../src/relay/engine.js';
import { aServicePort, endpoints } from '../support/proxy-values.js';
import { RecordingSteering } from '../support/started-proxier.js';

/** A relay that opens nothing: thousands of portals come and go in a law. Each open takes a turn, as a real one may. */
class ImaginaryRelay implements RelayEngine {
  readonly kind = 'portable';
  readonly cut = null;
  readonly held = new Map<ServicePortName, PortalRequest>();

  async open(request: PortalRequest) {
    await nextTurn();
    if ([...this.held.values()].some(({ port }) => port === request.port))
      throw new KubeSpliceError('PORTAL_PORT_IN_USE', `${request.port}`);
    expect(this.held.has(request.name)).toBe(false);
    this.held.set(request.name, request);
    return { address: request.address, port: request.port };
  }

  async route(name: ServicePortName, routing: PortalRequest['routing']): Promise<void> {
    const held = this.held.get(name);
    if (held !== undefined) this.held.set(name, { ...held, routing });
  }

  configure(): Promise<void> {
    return Promise.resolve();
  }

  async close(name: ServicePortName): Promise<void> {
    await nextTurn();
    this.held.delete(name);
  }

  portals() {
    return this.held;
  }

  counters() {
    return Promise.resolve(new Map());
  }

  process() {
    return Promise.resolve(null);
  }

  affinity() {
    return Promise.resolve(null);
  }

  shutdown(): Promise<void> {
    return Promise.resolve();
  }
}

/** Ports enough for every portal that the changes below can ask for. */
const PORTS = { first: 1, last: 12 };

type Change = (state: ServiceState) => ServiceState;

const name = fc.constantFrom<ServicePortName>('a/1', 'a/2', 'a/3', 'a/4', 'a/5', 'a/6');
const someEndpoints = fc.constantFrom<readonly Endpoint[] | undefined>(
  undefined,
  [],
  endpoints(1),
  endpoints(1, 2),
);
const servicePort = fc.option(
  fc.record<Partial<ServicePort>>({
    protocol: fc.constantFrom('TCP', 'UDP'),
    port: fc.constantFrom(80, 81),
    nodePort: fc.constantFrom(null, 30_080),
    clusterIPs: fc.constantFrom(['10.96.0.1'], ['10.96.0.1', 'fd00::1']),
    externalTrafficPolicy: fc.constantFrom('Cluster', 'Local'),
  }),
  { nil: undefined },
);
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(name, servicePort).map(([key, values]): Change => {
    const value = values === undefined ? undefined : aServicePort({ name: key, ...values });
    return (state) => ({ ...state, servicePorts: changed(state.servicePorts, key, value) });
  }),
  fc.tuple(name, someEndpoints).map(
    ([key, value]): Change =>
      (state) => ({ ...state, endpoints: changed(state.endpoints, key, value) }),
  ),
  fc.tuple(name, someEndpoints).map(
    ([key, value]): Change =>
      (state) => ({ ...state, externalEndpoints: changed(state.externalEndpoints, key, value) }),
  ),
);
/** Steering that fails where the law says so. */
class FallibleSteering extends RecordingSteering {
  fails = false;

  override apply(...call: Parameters<RecordingSteering['apply']>): Promise<readonly KubeSpliceError[]> {
    return this.fails ? Promise.reject(new Error('the lock is held')) : super.apply(...call);
  }
}

/** Changes, each with the turns of the event loop that pass before the next one, which may come in the middle of a sync; and whether steering fails then. */
const changes = fc.array(fc.tuple(change, fc.nat({ max: 6 }), fc.boolean()), { maxLength: 30 });

function changed<V>(map: ReadonlyMap<ServicePortName, V>, key: ServicePortName, value: V | undefined) {
  return PersistentMap.from(map).with([[key, value]]);
}

function startImaginary() {
  const [relay, steering] = [new ImaginaryRelay(), new FallibleSteering()];
  const holdPort = () => Promise.resolve({ release: () => Promise.resolve() });
  const bindAddressForIPv6 = () => Promise.resolve('::');
  const placed = { bindAddress: '0.0.0.0', bindAddressForIPv6, portRange: PORTS, holdPort };
  const options = { ...placed, syncPeriodMs: 60_000, logger: SILENT_LOGGER };
  const proxier = new Proxier({ ...options, relay, steering, now: Date.now, random: Math.random });
  return { proxier, relay, steering };
}

/** What can be compared of two proxiers: the ports are chosen at random. */
function outcomeOf({ relay, steering, proxier }: ReturnType<typeof startImaginary>) {
  // One that listens for both families goes on doing so.
  const portOf = (key: ServicePortName) =>
    (relay.held.get(relayName(key, '::')) ?? relay.held.get(key))?.port;
  const redirects = (steering.applied.at(-1) ?? []).map(({ portal, fromNode, ...redirect }) => ({
    ...redirect,
    internal: portal.port === portOf(redirect.servicePort),
    external: portal.port === portOf(`${redirect.servicePort}@external`),
    fromNodeToInternal: fromNode === null ? null : fromNode.portal.port === portOf(redirect.servicePort),
  }));
  return {
    portals: [...relay.held.values()]
      .map(({ port: _, address: __, name, ...portal }) => ({ ...portal, name: withoutFamilies(name) }))
      .toSorted(byName),
    redirects: redirects.toSorted((one, other) => (one.servicePort < other.servicePort ? -1 : 1)),
    errors: proxier.syncProgress().errors,
  };
}

function withoutFamilies(name: ServicePortName): string {
  return name.replace('@dual-stack', '');
}

/** Portals on IPv4 addresses alone, of service ports that have an IPv6 address. */
function tooNarrow({ relay, steering }: ReturnType<typeof startImaginary>): readonly string[] {
  const redirects = steering.applied.at(-1) ?? [];
  const overIPv6 = redirects.filter(({ family }) => family === 'IPv6');
  const narrow = new Set(
    [...relay.held.values()].filter(({ address }) => address !== '::').map(({ port }) => port),
  );
  return overIPv6.filter(({ portal }) => narrow.has(portal.port)).map(({ servicePort }) => servicePort);
}

function byName(one: { name: string }, other: { name: string }): number {
  return one.name < other.name ? -1 : 1;
}

it('ends, after any changes at any time, where a proxier ends that saw only the last state', async () => {
  await fc.assert(
    fc.asyncProperty(changes, async (steps) => {
      const [changing, fresh] = [startImaginary(), startImaginary()];
      let state: ServiceState = EMPTY_STATE;
      changing.proxier.update(state);
      for (const [step, turns, fails] of steps) {
        changing.steering.fails = fails;
        state = step(state);
        changing.proxier.update(state);
        for (let turn = 0; turn < turns; turn += 1) await nextTurn();
      }
      // What failed last is tried again with the next state, and would be a second later.
      changing.steering.fails = false;
      changing.proxier.update(state);
      fresh.proxier.update(state);
      await Promise.all([changing.proxier.settled(), fresh.proxier.settled()]);
      expect(outcomeOf(changing)).toEqual(outcomeOf(fresh));
      expect(tooNarrow(changing)).toEqual([]);
      await Promise.all([changing.proxier.stop(), fresh.proxier.stop()]);
    }),
    { numRuns: 300 },
  );
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Endpoint, endpoint } from '../../src/model/endpoint.js';
import type { ServicePort, ServicePortName } from '../../src/model/service-port.js';
import { RedirectList } from '../../src/proxier/redirects.js';
import { WaysBack } from '../../src/proxier/ways-back.js';
import { NoSteering } from '../../src/steering/none.js';
import type { Steering } from '../../src/steering/steering.js';
import { aServicePort } from '../support/proxy-values.js';
import { startProxier, stateOf } from '../support/started-proxier.js';

const POD = endpoint('10.1.0.1', 80);
const NODE = '172.30.0.1';

function service(name: string, changes: Partial<ServicePort> = {}): ServicePort {
  return aServicePort({ name: `default/${name}`, service: name, portName: '', port: 80, ...changes });
}

const a = service('a', { clusterIPs: ['10.96.0.1'], nodePort: 30_080 });
const b = service('b', { clusterIPs: ['10.96.0.2'], externalIPs: ['192.0.2.1'] });
const c = service('c', { clusterIPs: ['10.96.0.3'] });
const toA = endpoint('10.96.0.1', 80);
const toB = endpoint('10.96.0.2', 80);
const toC = endpoint('10.96.0.3', 80);

/** Whether an endpoint of `a` leads back to it. */
function leadsBack(of: Endpoint, others: { readonly b?: Endpoint; readonly c?: Endpoint } = {}): boolean {
  const { b: ofB = POD, c: ofC = POD } = others;
  const state = stateOf([a, of], [b, ofB], [c, ofC]);
  const redirects = new RedirectList();
  const portals = new Map(
    [a, b, c].map(({ name }, index) => [name, { address: '0.0.0.0', port: 40_000 + index }]),
  );
  redirects.update(state.servicePorts.keys(), state, portals);
  const ways = new WaysBack(
    {
      steered: (protocol, address, port) => redirects.servicePortsAt(protocol, address, port),
      portal: (_, port) => [a, b, c].at(port - 40_000)?.name,
    },
    () => [NODE],
  );
  return ways.among([POD, of], a.name, 'TCP', state)?.has(of.key) === true;
}

describe('an endpoint leads back', () => {
  it('where it is an address of its own Service, a node port or its portal', () => {
    expect(leadsBack(endpoint('10.96.0.1', 80))).toBe(true);
    expect(leadsBack(endpoint(NODE, 30_080))).toBe(true);
    expect(leadsBack(endpoint(NODE, 40_000))).toBe(true);
  });

  it('where it is one of another Service, which leads back in turn', () => {
    expect(leadsBack(endpoint('10.96.0.2', 80), { b: toA })).toBe(true);
    expect(leadsBack(endpoint('192.0.2.1', 80), { b: toC, c: toA })).toBe(true);
  });

  it('not where it is a pod, another port, or an address elsewhere with a port of ours', () => {
    for (const each of [
      POD,
      endpoint('10.96.0.1', 81),
      endpoint('172.30.0.2', 30_080),
      endpoint(NODE, 50_000),
    ])
      expect(leadsBack(each)).toBe(false);
  });

  it('not where other Services lead on to pods, or around among themselves', () => {
    expect(leadsBack(endpoint('10.96.0.2', 80))).toBe(false);
    expect(leadsBack(endpoint('10.96.0.2', 80), { b: toC, c: toB })).toBe(false);
  });
});

/** One that writes rules, though to nowhere. */
class WritingSteering implements Steering {
  readonly kind = 'iptables';
  whileApplying: () => void = () => undefined;
  readonly apply = async () => {
    this.whileApplying();
    return [];
  };
  readonly past = async () => [];
  readonly steers = async () => true;
  readonly rulesOf = () => [];
  readonly ruleCounts = () => new Map<string, number>();
  readonly refused = async () => null;
  readonly remove = async () => undefined;
}

describe('the proxier tells the relay which endpoints lead back', () => {
  const self = service('self', { clusterIPs: ['10.96.0.9'] });
  const back = endpoint('10.96.0.9', 80);

  async function started(steering: Steering = new WritingSteering()) {
    const { proxier, relay } = startProxier({ steering });
    const sync = async (...entries: readonly (readonly [ServicePort, ...Endpoint[]])[]) => {
      proxier.update(stateOf(...entries));
      await proxier.settled();
    };
    return { relay, sync };
  }

  it('where a Service has its own address for an endpoint, until its address is another one', async () => {
    const { relay, sync } = await started();
    await sync([self, back, POD]);
    expect(relay.leadsBack(self.name)).toEqual([back.key]);
    await sync([{ ...self, clusterIPs: ['10.96.0.8'] }, back, POD]);
    expect(relay.leadsBack(self.name)).toEqual([]);
  });

  it('before the rules are in force that make it so', async () => {
    const steering = new WritingSteering();
    const { proxier, relay } = startProxier({ steering });
    const told: (readonly string[])[] = [];
    steering.whileApplying = () => told.push(relay.leadsBack(self.name));
    proxier.update(stateOf([{ ...self, clusterIPs: ['10.96.0.8'] }, back]));
    await proxier.settled();
    proxier.update(stateOf([self, back]));
    await proxier.settled();
    proxier.update(stateOf([{ ...self, clusterIPs: ['10.96.0.8'] }, back]));
    await proxier.settled();
    // The last time the old rules lead back for as long as the new ones are being applied.
    expect(told).toEqual([[], [back.key], [back.key]]);
    expect(relay.leadsBack(self.name)).toEqual([]);
  });

  it('where two Services lead to each other: the ring is cut, and whole again when one leads to a pod', async () => {
    const { relay, sync } = await started();
    await sync([a, toB], [b, POD]);
    expect([relay.leadsBack(a.name), relay.leadsBack(b.name)]).toEqual([[], []]);
    await sync([a, toB], [b, toA]);
    expect(relay.leadsBack(b.name)).toEqual([toA.key]);
    await sync([a, POD], [b, toA]);
    expect([relay.leadsBack(a.name), relay.leadsBack(b.name)]).toEqual([[], []]);
  });

  it('where the endpoint is a portal of its own, at an address of the node, and where nothing is steered', async () => {
    const { relay, sync } = await started(new NoSteering());
    await sync([self, POD], [b, POD]);
    const at = (name: ServicePortName) => endpoint('127.0.0.1', relay.portals().get(name)?.port ?? 0);
    const [own, others] = [at(self.name), at(b.name)];
    await sync([self, own, others, back], [b, POD]);
    expect(relay.leadsBack(self.name)).toEqual([own.key]);
  });

  it('and says nothing again of those that did not change', async () => {
    const { proxier, relay } = startProxier({ steering: new WritingSteering() });
    const before = stateOf([self, back]);
    proxier.update(before);
    await proxier.settled();
    const told = relay.routings.get(self.name);
    const servicePorts = new Map([...before.servicePorts, [b.name, b]]);
    proxier.update({ ...before, servicePorts });
    await proxier.settled();
    expect(relay.routings.get(self.name)).toBe(told);
  });

  it('so that no ring is left, and none but those in one are told, after any changes', async () => {
    const places = { [a.name]: toA, [b.name]: toB, [c.name]: toC };
    const some = fc.uniqueArray(fc.constantFrom(toA, toB, toC, POD), { selector: ({ key }) => key });
    const steps = fc.array(fc.record({ at: fc.constantFrom(a, b, c), to: some }), { maxLength: 8 });
    const { relay, sync } = await started();
    await fc.assert(
      fc.asyncProperty(steps, async (changes) => {
        const entries = new Map<ServicePort, readonly Endpoint[]>([a, b, c].map((each) => [each, []]));
        for (const { at, to } of changes) {
          entries.set(at, to);
          await sync(...[...entries].map(([of, endpoints]) => [of, ...endpoints] as const));
        }
        const led = (isCut: boolean, from: string, seen = new Set<string>()): Set<string> => {
          for (const { name } of [a, b, c]) {
            const key = places[name]?.key ?? '';
            const routing = relay.routings.get(from as ServicePortName);
            if (!routing?.endpoints.some((each) => each.key === key) || seen.has(name)) continue;
            if (isCut && routing.leadsBack?.has(key) === true) continue;
            led(isCut, name, seen.add(name));
          }
          return seen;
        };
        for (const { name } of changes.length === 0 ? [] : [a, b, c]) {
          expect(led(true, name).has(name)).toBe(false);
          for (const key of relay.leadsBack(name)) {
            const [to = ''] = Object.entries(places).find(([, place]) => place.key === key) ?? [];
            expect(to === name || led(false, to).has(name)).toBe(true);
          }
        }
      }),
      { numRuns: 60 },
    );
  });
});

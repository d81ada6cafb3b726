import { describe, expect, it } from 'vitest';
import { type Endpoint, endpoint } from '../../src/model/endpoint.js';
import type { ServicePort } from '../../src/model/service-port.js';
import { RedirectList } from '../../src/proxier/redirects.js';
import { WaysBack } from '../../src/proxier/ways-back.js';
import type { Steering } from '../../src/steering/steering.js';
import { aServicePort, aUdpServicePort } from '../support/proxy-values.js';
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
    (address) => address === NODE,
  );
  return ways.leadBack(a.name, 'TCP', of, state);
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
  readonly apply = async () => [];
  readonly past = async () => [];
  readonly steers = async () => true;
  readonly refused = async () => null;
  readonly remove = async () => undefined;
}

describe('the proxier', () => {
  const self = service('self', { clusterIPs: ['10.96.0.9'] });
  const back = endpoint('10.96.0.9', 80);

  it('says so of the portals that are open, and until the address is another one', async () => {
    const { proxier } = startProxier({ steering: new WritingSteering() });
    proxier.update(stateOf([self, back]));
    await proxier.settled();
    expect(proxier.leadsBack(self.name, 'TCP', back)).toBe(true);
    expect(proxier.leadsBack(self.name, 'UDP', back)).toBe(false);
    proxier.update(stateOf([{ ...self, clusterIPs: ['10.96.0.8'] }, back]));
    await proxier.settled();
    expect(proxier.leadsBack(self.name, 'TCP', back)).toBe(false);
    proxier.update(stateOf());
    await proxier.settled();
    expect(proxier.leadsBack(self.name, 'TCP', back)).toBe(false);
  });

  it('knows nothing of addresses that it does not steer, but of its own portals', async () => {
    const { proxier, relay } = startProxier();
    const echo = aUdpServicePort();
    proxier.update(stateOf([self, back], [echo, POD]));
    await proxier.settled();
    expect(proxier.leadsBack(self.name, 'TCP', back)).toBe(false);
    const ports = relay.portals();
    expect(proxier.leadsBack(self.name, 'TCP', endpoint('127.0.0.1', ports.get(self.name)?.port ?? 0))).toBe(
      true,
    );
    expect(proxier.leadsBack(self.name, 'TCP', endpoint('127.0.0.1', ports.get(echo.name)?.port ?? 0))).toBe(
      false,
    );
  });
});

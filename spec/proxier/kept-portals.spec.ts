import { describe, expect, it } from 'vitest';
import type { Endpoint } from '../../src/model/endpoint.js';
import { KubeSpliceError } from '../../src/model/errors.js';
import type { ServicePortName } from '../../src/model/service-port.js';
import type { OpenPortal, PortalRequest } from '../../src/relay/engine.js';
import type { PastRedirect } from '../../src/steering/steering.js';
import { eventually } from '../support/deadline.js';
import { aServicePort, endpoints } from '../support/proxy-values.js';
import {
  HeldSteering,
  RELAY_OPTIONS,
  RecordingRelay,
  RecordingSteering,
  startProxier,
  stateOf,
} from '../support/started-proxier.js';

const bindAddress = '127.0.71.10';
const portRange = { first: 40_000, last: 40_003 };
const web = aServicePort({ name: 'default/web', clusterIPs: ['10.96.0.1'], port: 80, nodePort: 30_080 });
const api = aServicePort({ name: 'default/api', clusterIPs: ['10.96.0.2'] });

/** A relay that has portals already: as one whose control process was started anew. */
class OutlivingRelay extends RecordingRelay {
  readonly kept: Map<ServicePortName, OpenPortal>;
  readonly closed: ServicePortName[] = [];

  constructor(kept: Record<ServicePortName, number>) {
    super(RELAY_OPTIONS);
    const portals = Object.entries(kept).map(
      ([name, port]) => [name as ServicePortName, { protocol: 'TCP', address: bindAddress, port }] as const,
    );
    this.kept = new Map(portals);
  }

  override async open(request: PortalRequest) {
    this.kept.delete(request.name);
    return super.open(request);
  }

  override async close(name: ServicePortName) {
    this.closed.push(name);
    this.kept.delete(name);
    return super.close(name);
  }

  override portals() {
    return new Map([...this.kept, ...super.portals()]);
  }
}

class SteeringWithPast extends RecordingSteering {
  constructor(private readonly left: readonly PastRedirect[]) {
    super();
  }

  override past() {
    return Promise.resolve(this.left);
  }
}

function start(
  kept: Record<ServicePortName, number>,
  past: readonly PastRedirect[] = [],
  setting: Parameters<typeof startProxier>[0] = {},
) {
  const [relay, steering] = [new OutlivingRelay(kept), new SteeringWithPast(past)];
  const { proxier } = startProxier({ relay, steering, portRange, bindAddress, ...setting });
  const portOf = (name: ServicePortName) => relay.portals().get(name)?.port;
  return { relay, steering, proxier, portOf };
}

describe('portals that the relay kept from an earlier run', () => {
  it('are opened with the ports that they have, whatever old rules say, and nobody else gets those', async () => {
    const rule: PastRedirect = { protocol: 'TCP', address: '10.96.0.1', port: 80, portalPort: 40_003 };
    const { proxier, relay, portOf } = start({ 'default/web': 40_001, 'default/api': 40_002 }, [rule]);
    const newcomers = ['default/a', 'default/b'] as const;
    proxier.update(stateOf(...newcomers.map((name) => [aServicePort({ name })] as const), [web], [api]));
    await proxier.settled();
    expect([portOf('default/web'), portOf('default/api')]).toEqual([40_001, 40_002]);
    expect(new Set(newcomers.map(portOf))).toEqual(new Set([40_000, 40_003]));
    expect(relay.closed).toEqual([]);
    expect(proxier.syncProgress().errors).toEqual([]);
  });

  describe('on other addresses than they are to be on by now', () => {
    const both = aServicePort({ name: 'default/both', clusterIPs: ['10.96.0.3', 'fd00::3'] });
    const bindAddressForIPv6 = () => Promise.resolve('::');

    it.each(['default/both', 'default/both@external'] as const)(
      '%s serves until the rules lead elsewhere',
      async (name) => {
        const steering = new HeldSteering();
        const { proxier, relay } = start({ [name]: 40_001 }, [], { steering, bindAddressForIPv6 });
        const externalEndpoints = new Map([[both.name, endpoints(1)]]);
        proxier.update({ ...stateOf([both]), externalEndpoints });
        await eventually(() => expect(steering.applied).toHaveLength(1));
        expect([...relay.portals().keys()]).toContain(`${name}@dual-stack`);
        expect(relay.portals().get(`${name}@dual-stack`)?.port).not.toBe(40_001);
        expect(relay.closed).toEqual([]);
        steering.release();
        await proxier.settled();
        expect(relay.closed).toEqual([name]);
      },
    );

    it('are closed first where they have the last port', async () => {
      const { proxier, relay } = start({ 'default/both': 29_871 }, [], {
        bindAddressForIPv6,
        portRange: { first: 29_871, last: 29_871 },
      });
      proxier.update(stateOf([both]));
      await proxier.settled();
      expect(relay.closed).toEqual(['default/both']);
      expect(relay.portals().get('default/both@dual-stack')).toMatchObject({ address: '::', port: 29_871 });
      expect(proxier.syncProgress().errors).toEqual([]);
    });
  });

  it('are closed where no service port claims them, and their ports are given to others', async () => {
    const { proxier, relay, portOf } = start({ 'default/gone': 40_000, 'default/gone@external': 40_001 });
    proxier.update(stateOf([web]));
    await proxier.settled();
    expect(relay.closed).toEqual(['default/gone', 'default/gone@external']);
    const many = Array.from({ length: 4 }, (_, n) => aServicePort({ name: `default/s${n}` }));
    proxier.update(stateOf(...many.map((servicePort) => [servicePort] as const)));
    await proxier.settled();
    expect(new Set(many.map(({ name }) => portOf(name)))).toEqual(new Set([40_000, 40_001, 40_002, 40_003]));
  });

  it('give their ports to newcomers at once where the range has no others', async () => {
    const gone = Object.fromEntries([0, 1, 2, 3].map((n) => [`default/gone${n}`, 40_000 + n]));
    const { proxier, portOf } = start(gone);
    proxier.update(stateOf([web]));
    await proxier.settled();
    expect(portOf('default/web')).toBeGreaterThanOrEqual(40_000);
    expect(proxier.syncProgress().errors).toEqual([]);
  });

  it('are closed after the rules are in force where their traffic goes to the internal portal now', async () => {
    const { proxier, relay, steering } = start({ 'default/web': 40_001, 'default/web@external': 40_002 });
    const before: ServicePortName[][] = [];
    const { apply } = steering;
    steering.apply = (...args) => {
      before.push([...relay.closed]);
      return apply.apply(steering, args);
    };
    proxier.update(stateOf([web]));
    await proxier.settled();
    expect(before).toEqual([[]]);
    expect(relay.closed).toEqual(['default/web@external']);
  });

  it('are taken over with what leads back through the rules that are still there', async () => {
    const back: Endpoint = { key: '10.96.0.1:80', address: '10.96.0.1', port: 80 };
    const { proxier, relay, steering } = start({ 'default/web': 40_001 });
    Object.defineProperty(steering, 'kind', { value: 'iptables' });
    const opened: unknown[] = [];
    const open = relay.open.bind(relay);
    relay.open = (request) => {
      opened.push(request.routing.leadsBack);
      return open(request);
    };
    proxier.update(stateOf([web, back, ...endpoints(1)]));
    await proxier.settled();
    expect(opened).toEqual([new Set([back.key])]);
  });

  it('keep their ports where they could not be taken over, and are when they can', async () => {
    const { proxier, relay, portOf } = start({ 'default/web': 40_001 });
    const open = relay.open.bind(relay);
    relay.open = async (request) => {
      if (request.name !== 'default/web') return open(request);
      throw new KubeSpliceError('PORTAL_OPEN_FAILED', 'not now');
    };
    const newcomers = ['a', 'b', 'c', 'd', 'e'].map(
      (name) => [aServicePort({ name: `default/${name}` })] as const,
    );
    const portsOfNewcomers = () =>
      newcomers.map(([{ name }]) => portOf(name)).filter((port) => port !== undefined);
    proxier.update(stateOf([web], ...newcomers.slice(0, 2)));
    await proxier.settled();
    proxier.update(stateOf([web], ...newcomers));
    await proxier.settled();
    expect(new Set(portsOfNewcomers())).toEqual(new Set([40_000, 40_002, 40_003]));
    expect([portOf('default/web'), relay.closed]).toEqual([40_001, []]);
    relay.open = open;
    proxier.update(stateOf([web]));
    await proxier.settled();
    expect(portOf('default/web')).toBe(40_001);
    expect(proxier.syncProgress().errors).toEqual([]);
  });
});

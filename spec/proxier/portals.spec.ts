import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { PortRange } from '../../src/config/proxy-config.js';
import type { Endpoint } from '../../src/model/endpoint.js';
import type { ServicePort } from '../../src/model/service-port.js';
import { EMPTY_STATE, type ServiceState } from '../../src/model/service-state.js';
import { eventually } from '../support/deadline.js';
import { aServicePort, endpoints } from '../support/proxy-values.js';
import {
  greetingOf,
  HeldSteering,
  RecordingSteering,
  startProxier,
  stateOf,
} from '../support/started-proxier.js';
import { greet, TcpEndpoint } from '../support/tcp-endpoint.js';

/** A loopback address that nothing else uses, so that every one of its ports is free. */
const OWN_ADDRESS = '127.0.71.2';
const ONE_PORT: PortRange = { first: 40_000, last: 40_000 };
const TWO_PORTS: PortRange = { first: 40_000, last: 40_001 };

const web = aServicePort({ name: 'default/web', nodePort: 30_080, externalTrafficPolicy: 'Local' });
const api = aServicePort({ name: 'default/api' });

/** `web`, whose external traffic goes to the endpoints that are named second. */
function splitWeb(internal: readonly Endpoint[], external: readonly Endpoint[]): ServiceState {
  return { ...stateOf([web, ...internal]), externalEndpoints: new Map([[web.name, external]]) };
}

describe('the portals of a service port whose external traffic follows another policy', () => {
  it('are two, each with endpoints of its own', async () => {
    const [here, there] = [await TcpEndpoint.listen(greet('here')), await TcpEndpoint.listen(greet('there'))];
    const { proxier } = startProxier();
    proxier.update(splitWeb([there.endpoint], [here.endpoint]));
    await proxier.settled();
    const [shown] = proxier.servicePorts();
    expect(await greetingOf(shown?.portal?.port ?? 0)).toBe('there');
    expect(await greetingOf(shown?.external?.portal?.port ?? 0)).toBe('here');
  });

  it('are routed one by one, at once', async () => {
    const [old, young] = [await TcpEndpoint.listen(greet('old')), await TcpEndpoint.listen(greet('young'))];
    const { proxier } = startProxier();
    const internal = [old.endpoint];
    proxier.update(splitWeb(internal, internal));
    await proxier.settled();
    const [shown] = proxier.servicePorts();
    proxier.update(splitWeb(internal, [young.endpoint]));
    expect(await greetingOf(shown?.external?.portal?.port ?? 0)).toBe('young');
    expect(await greetingOf(shown?.portal?.port ?? 0)).toBe('old');
    await proxier.settled();
  });

  it('become one when the policies come to agree, two when they part, and none with the service port', async () => {
    const { proxier, relay } = startProxier();
    const names = () => [...relay.portals().keys()];
    proxier.update(splitWeb(endpoints(1), endpoints(2)));
    await proxier.settled();
    const kept = relay.portals().get(web.name)?.port;
    expect(names()).toEqual(['default/web', 'default/web@external']);
    proxier.update(stateOf([web, ...endpoints(1)]));
    await proxier.settled();
    expect(names()).toEqual(['default/web']);
    proxier.update(splitWeb(endpoints(1), []));
    await proxier.settled();
    expect(names()).toEqual(['default/web', 'default/web@external']);
    expect(relay.portals().get(web.name)?.port).toBe(kept);
    proxier.update(stateOf());
    await proxier.settled();
    expect(names()).toEqual([]);
  });

  it('serve until nothing is steered to them any more, when the policies come to agree', async () => {
    const steering = new HeldSteering();
    const { proxier, relay } = startProxier({ steering });
    proxier.update(splitWeb(endpoints(1), endpoints(2)));
    await eventually(() => expect(steering.applied).toHaveLength(1));
    steering.release();
    await proxier.settled();
    proxier.update(stateOf([web, ...endpoints(1)]));
    await eventually(() => expect(steering.applied).toHaveLength(2));
    const internal = relay.portals().get(web.name)?.port;
    expect(steering.applied[1]?.map(({ portal }) => portal.port)).toEqual([internal, internal]);
    expect([...relay.portals().keys()]).toEqual(['default/web', 'default/web@external']);
    steering.release();
    await proxier.settled();
    expect([...relay.portals().keys()]).toEqual(['default/web']);
  });

  it('stay where the policies part again before steering knew that they agreed', async () => {
    const steering = new HeldSteering();
    const { proxier, relay } = startProxier({ steering });
    proxier.update(splitWeb(endpoints(1), endpoints(2)));
    await eventually(() => expect(steering.applied).toHaveLength(1));
    const before = relay.portals().get('default/web@external');
    steering.release();
    await proxier.settled();
    proxier.update(stateOf([web, ...endpoints(1)]));
    await eventually(() => expect(steering.applied).toHaveLength(2));
    proxier.update(splitWeb(endpoints(1), endpoints(3)));
    steering.release();
    await eventually(() => expect(steering.applied).toHaveLength(3));
    steering.release();
    await proxier.settled();
    expect(relay.portals().get('default/web@external')).toEqual(before);
    const [nodePort] = steering.applied[2]?.filter(({ kind }) => kind === 'NodePort') ?? [];
    expect(nodePort?.portal.port).toBe(before?.port);
  });

  it('both change with the protocol', async () => {
    const { proxier, relay } = startProxier();
    proxier.update(splitWeb([], []));
    await proxier.settled();
    proxier.update({ ...splitWeb([], []), servicePorts: new Map([[web.name, { ...web, protocol: 'UDP' }]]) });
    await proxier.settled();
    expect([...relay.portals().values()].map(({ protocol }) => protocol)).toEqual(['UDP', 'UDP']);
  });

  it('take a port each; where there is but one, the other says what is missing and nothing is steered there', async () => {
    const steering = new RecordingSteering();
    const setting = { steering, portRange: ONE_PORT, bindAddress: OWN_ADDRESS };
    const { proxier } = startProxier(setting);
    proxier.update(splitWeb(endpoints(1), endpoints(1)));
    await proxier.settled();
    const [shown] = proxier.servicePorts();
    expect(shown).toMatchObject({
      portal: { port: ONE_PORT.first },
      error: null,
      external: { portal: null },
    });
    expect(shown?.external?.error).toMatch(/^PORT_RANGE_EXHAUSTED: default\/web@external: /);
    expect(proxier.syncProgress().errors).toEqual([shown?.external?.error]);
    expect(steering.applied.at(-1)?.map(({ kind }) => kind)).toEqual(['ClusterIP']);
  });
});

describe('a portal that could not be opened', () => {
  async function startFull() {
    const started = startProxier({ portRange: ONE_PORT, bindAddress: OWN_ADDRESS });
    const state = stateOf([web], [api]);
    started.proxier.update(state);
    await started.proxier.settled();
    const [waiting = web.name] = [web.name, api.name].filter((name) => !started.relay.portals().has(name));
    return { ...started, state, waiting, triedBefore: started.relay.asked.length };
  }

  it('is not tried again when another service port changes', async () => {
    const { proxier, state, waiting, relay, triedBefore } = await startFull();
    const other = waiting === web.name ? api : web;
    proxier.update({
      ...state,
      servicePorts: new Map([...state.servicePorts, [other.name, { ...other, port: 81 }]]),
    });
    await proxier.settled();
    expect(proxier.syncProgress().succeeded).toBe(2);
    expect(relay.asked.slice(triedBefore)).toEqual([]);
    expect(proxier.syncProgress().errors).toHaveLength(1);
  });

  it('is opened when another one gives its port back', async () => {
    const { proxier, state, waiting, relay } = await startFull();
    proxier.update({
      servicePorts: new Map([...state.servicePorts].filter(([name]) => name === waiting)),
      endpoints: new Map([...state.endpoints].filter(([name]) => name === waiting)),
      externalEndpoints: new Map(),
      readyLocalEndpoints: new Map(),
    });
    await proxier.settled();
    expect([...relay.portals().keys()]).toEqual([waiting]);
    expect(proxier.syncProgress().errors).toEqual([]);
  });

  it('does not take the port of one that opens anew with another protocol', async () => {
    const { proxier, state, waiting, relay } = await startFull();
    const open = waiting === web.name ? api : web;
    proxier.update({
      ...state,
      servicePorts: new Map([...state.servicePorts, [open.name, { ...open, protocol: 'UDP' }]]),
    });
    await proxier.settled();
    expect([...relay.portals()].map(([name, { protocol }]) => [name, protocol])).toEqual([
      [open.name, 'UDP'],
    ]);
  });

  it('is opened by the periodic sync when another program gives the port back', async () => {
    const other = createServer().listen(ONE_PORT.first, OWN_ADDRESS);
    await once(other, 'listening');
    const { proxier } = startProxier({ portRange: ONE_PORT, bindAddress: OWN_ADDRESS, syncPeriodMs: 50 });
    proxier.update(stateOf([web]));
    await proxier.settled();
    expect(proxier.servicePorts()[0]?.portal).toBeNull();
    other.close();
    await once(other, 'close');
    await eventually(() => expect(proxier.servicePorts()[0]?.portal).toMatchObject({ port: ONE_PORT.first }));
    expect(proxier.servicePorts()[0]?.error).toBeNull();
  });

  it('is found by the periodic sync among many', async () => {
    const portRange = { first: 40_000, last: 40_299 };
    const other = createServer().listen(portRange.first, OWN_ADDRESS);
    await once(other, 'listening');
    const { proxier, relay } = startProxier({ portRange, bindAddress: OWN_ADDRESS, syncPeriodMs: 100 });
    proxier.update(
      stateOf(...Array.from({ length: 300 }, (_, n) => [aServicePort({ name: `a/${n}` })] as const)),
    );
    await proxier.settled();
    expect(relay.portals().size).toBe(299);
    other.close();
    await once(other, 'close');
    await eventually(() => expect(relay.portals().size).toBe(300));
  });

  it('is forgotten with its service port', async () => {
    const { proxier, state, waiting } = await startFull();
    proxier.update({
      ...state,
      servicePorts: new Map([...state.servicePorts].filter(([name]) => name !== waiting)),
    });
    await proxier.settled();
    expect(proxier.syncProgress().errors).toEqual([]);
  });

  it('waits its turn: the one that was tried longest ago comes first', async () => {
    const { proxier, relay } = startProxier({ portRange: TWO_PORTS, bindAddress: OWN_ADDRESS });
    const [first, second] = [
      aServicePort({ name: 'default/first' }),
      aServicePort({ name: 'default/second' }),
    ];
    const sync = async (...servicePorts: ServicePort[]) => {
      proxier.update({
        ...EMPTY_STATE,
        servicePorts: new Map(servicePorts.map((servicePort) => [servicePort.name, servicePort])),
      });
      await proxier.settled();
      return [...relay.portals().keys()];
    };
    expect(await sync(web, api)).toHaveLength(2);
    await sync(web, api, first);
    await sync(web, api, first, second);
    expect(proxier.syncProgress().errors).toHaveLength(2);
    expect(await sync(api, first, second)).toEqual([api.name, first.name]);
    expect(await sync(first, second)).toEqual([first.name, second.name]);
  });
});

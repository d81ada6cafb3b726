import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { PortRange } from '../../src/config/proxy-config.js';
import type { Proxier } from '../../src/proxier/proxier.js';
import type { Steering } from '../../src/steering/steering.js';
import { eventually } from '../support/deadline.js';
import { aServicePort, aUdpServicePort, endpoints } from '../support/proxy-values.js';
import {
  FailingSteering,
  greetingOf,
  HeldSteering,
  RecordingSteering,
  startProxier,
  stateOf,
} from '../support/started-proxier.js';
import { greet, TcpEndpoint } from '../support/tcp-endpoint.js';

/** A loopback address that nothing else uses, so that every one of its ports is free. */
const OWN_ADDRESS = '127.0.71.1';
const ONE_PORT: PortRange = { first: 40_000, last: 40_000 };

const web = aServicePort({ name: 'default/web', service: 'web', portName: '' });
const api = aServicePort({ name: 'default/api', service: 'api', portName: '' });

function portOfPortal(proxier: Proxier, name: string): number {
  const portal = proxier.servicePorts().find(({ servicePort }) => servicePort.name === name)?.portal;
  if (portal === null || portal === undefined) throw new Error(`${name} has no portal`);
  return portal.port;
}

describe('the proxier', () => {
  it('opens a portal for each service port, TCP and UDP, and relays to its endpoints', async () => {
    const endpoint = await TcpEndpoint.listen(greet('web'));
    const { proxier, relay } = startProxier();
    proxier.update(stateOf([web, endpoint.endpoint], [aUdpServicePort()]));
    await proxier.settled();
    expect([...relay.portals().values()].map(({ protocol }) => protocol).sort()).toEqual(['TCP', 'UDP']);
    expect(await greetingOf(portOfPortal(proxier, 'default/web'))).toBe('web');
  });

  it('closes the portal of a service port that is gone, and gives its port to others', async () => {
    const { proxier } = startProxier({ portRange: ONE_PORT, bindAddress: OWN_ADDRESS });
    proxier.update(stateOf([web]));
    await proxier.settled();
    const port = portOfPortal(proxier, 'default/web');
    proxier.update(stateOf([api]));
    await proxier.settled();
    expect(proxier.servicePorts().map(({ servicePort }) => servicePort.name)).toEqual(['default/api']);
    expect(portOfPortal(proxier, 'default/api')).toBe(port);
  });

  it('keeps the portal of a service port that changes in anything but its protocol', async () => {
    const { proxier } = startProxier();
    proxier.update(stateOf([web]));
    await proxier.settled();
    const port = portOfPortal(proxier, 'default/web');
    proxier.update(stateOf([{ ...web, port: 81, clusterIPs: ['10.9.9.9'] }]));
    await proxier.settled();
    expect(portOfPortal(proxier, 'default/web')).toBe(port);
  });

  it('opens another portal when the protocol changes', async () => {
    const { proxier, relay } = startProxier();
    proxier.update(stateOf([web]));
    await proxier.settled();
    proxier.update(stateOf([{ ...web, protocol: 'UDP' }]));
    await proxier.settled();
    expect(relay.portals().get('default/web')?.protocol).toBe('UDP');
  });

  it('uses new endpoints at once, while a sync is held up in steering', async () => {
    const [before, after] = [
      await TcpEndpoint.listen(greet('before')),
      await TcpEndpoint.listen(greet('after')),
    ];
    const steering = new HeldSteering();
    const { proxier } = startProxier({ steering });
    proxier.update(stateOf([web, before.endpoint]));
    await eventually(() => expect(steering.applied).toHaveLength(1));
    const port = portOfPortal(proxier, 'default/web');
    proxier.update(stateOf([web, after.endpoint]));
    expect(await greetingOf(port)).toBe('after');
    expect(steering.applied).toHaveLength(1);
    steering.release();
    await proxier.settled();
  });

  it('coalesces the states that arrive during a sync into the next one', async () => {
    const steering = new HeldSteering();
    const { proxier } = startProxier({ steering });
    proxier.update(stateOf([web]));
    await eventually(() => expect(steering.applied).toHaveLength(1));
    for (let n = 0; n < 10; n += 1) proxier.update(stateOf([{ ...web, port: n + 1 }]));
    steering.release();
    await eventually(() => expect(steering.applied).toHaveLength(2));
    steering.release();
    await proxier.settled();
    expect(steering.applied.map(([redirect]) => redirect?.port)).toEqual([3000, 10]);
  });

  it('shows what it steers into a service port, and nothing where it steers nothing', async () => {
    const steering: Steering = Object.assign(new RecordingSteering(), { kind: 'nftables' as const });
    const { proxier } = startProxier({ steering });
    proxier.update(stateOf([web], [api]));
    await proxier.settled();
    const port = portOfPortal(proxier, 'default/web');
    expect(proxier.redirects('default/web')).toMatchObject([{ kind: 'ClusterIP', portal: { port } }]);
    expect(proxier.redirects('default/nobody')).toEqual([]);
    const unsteered = startProxier();
    unsteered.proxier.update(stateOf([web]));
    await unsteered.proxier.settled();
    expect(unsteered.proxier.redirects('default/web')).toEqual([]);
  });

  it('leaves steering alone where no redirect changed, and asks it anew once every sync period', async () => {
    const steering = new RecordingSteering();
    const { proxier } = startProxier({ steering, syncPeriodMs: 200 });
    const [one, other] = [endpoints(3001), endpoints(3002)];
    proxier.update(stateOf([web, ...one]));
    await proxier.settled();
    proxier.update(stateOf([web, ...other]));
    await proxier.settled();
    expect(proxier.syncProgress().succeeded).toBe(2);
    expect(steering.applied).toHaveLength(1);
    await eventually(() => expect(steering.applied.length).toBeGreaterThan(1));
    expect(steering.applied[1]).toBe(steering.applied[0]);
  });

  it('asks steering for nothing at all when the first state holds nothing: old rules go', async () => {
    const steering = new RecordingSteering();
    const { proxier } = startProxier({ steering });
    proxier.update(stateOf());
    await proxier.settled();
    expect(steering.applied).toEqual([[]]);
  });

  it('syncs again within the sync period without any change', async () => {
    const { proxier } = startProxier({ syncPeriodMs: 20 });
    proxier.update(stateOf([web]));
    await eventually(() => expect(proxier.syncProgress().succeeded).toBeGreaterThan(2));
  });

  it('looks at everything at once when it is told to, and as often as that says from then on', async () => {
    const steering = new RecordingSteering();
    const { proxier } = startProxier({ steering, syncPeriodMs: 60_000 });
    proxier.lookAnew(60_000);
    expect(proxier.syncProgress().begun).toBe(0);
    proxier.update(stateOf([web]));
    await proxier.settled();
    proxier.lookAnew(60_000);
    await proxier.settled();
    expect(steering.applied).toHaveLength(2);
    proxier.lookAnew(20);
    await eventually(() => expect(steering.applied.length).toBeGreaterThan(4));
    await proxier.stop();
    proxier.lookAnew(20);
    expect(proxier.syncProgress().pendingSince).toBeNull();
  });

  it('lets the others go on when the range runs out, and tells once whose port is missing', async () => {
    const { proxier, logger } = startProxier({ portRange: ONE_PORT, bindAddress: OWN_ADDRESS });
    proxier.update(stateOf([web], [api]));
    await proxier.settled();
    proxier.update(stateOf([web], [api]));
    await proxier.settled();
    const [first, second] = proxier.servicePorts();
    const withoutPortal = first?.portal === null ? first : second;
    expect([first, second].filter((shown) => shown?.portal !== null)).toHaveLength(1);
    expect(withoutPortal?.error).toContain('PORT_RANGE_EXHAUSTED');
    expect(withoutPortal?.error).toContain(withoutPortal?.servicePort.name);
    expect(logger.messages('error')).toEqual([withoutPortal?.error]);
    expect(proxier.syncProgress().errors).toEqual([withoutPortal?.error]);
  });

  it('opens at the next sync what it could not open before, and takes the error back', async () => {
    const { proxier } = startProxier({ portRange: ONE_PORT, bindAddress: OWN_ADDRESS });
    const other = createServer().listen(ONE_PORT.first, OWN_ADDRESS);
    await once(other, 'listening');
    proxier.update(stateOf([web]));
    await proxier.settled();
    expect(proxier.servicePorts()[0]?.portal).toBeNull();
    other.close();
    await once(other, 'close');
    proxier.update(stateOf([web]));
    await proxier.settled();
    expect(proxier.servicePorts()[0]).toMatchObject({ portal: { port: ONE_PORT.first }, error: null });
  });

  it('reports a bind address that is not of this host for each service port, and goes on', async () => {
    const { proxier } = startProxier({ bindAddress: '198.51.100.1' });
    proxier.update(stateOf([web], [aUdpServicePort()]));
    await proxier.settled();
    expect(proxier.servicePorts().map(({ error }) => error?.split(':')[0])).toEqual([
      'PORTAL_OPEN_FAILED',
      'PORTAL_OPEN_FAILED',
    ]);
  });

  it('shows its service ports sorted by name, and nothing before the first state', async () => {
    const { proxier } = startProxier();
    expect(proxier.servicePorts()).toEqual([]);
    proxier.update(stateOf([web], [api]));
    await proxier.settled();
    expect(proxier.servicePorts().map(({ servicePort }) => servicePort.name)).toEqual([
      'default/api',
      'default/web',
    ]);
  });

  it('opens a portal with what holds by then, not with what held when the sync began', async () => {
    const [before, after] = [
      await TcpEndpoint.listen(greet('before')),
      await TcpEndpoint.listen(greet('after')),
    ];
    const many = Array.from({ length: 200 }, (_, n) => aServicePort({ name: `default/s${n}` }));
    const { proxier, relay } = startProxier();
    proxier.update(stateOf(...many.map((servicePort) => [servicePort, before.endpoint] as const)));
    await eventually(() => expect(relay.portals().size).toBeGreaterThan(0));
    expect(relay.portals().size).toBeLessThan(many.length);
    proxier.update(
      stateOf(...many.slice(0, 150).map((servicePort) => [servicePort, after.endpoint] as const)),
    );
    const [[name, { port }] = ['', { port: 0 }]] = relay.portals();
    expect([name, await greetingOf(port)]).toEqual(['default/s0', 'after']);
    await proxier.settled();
    expect(relay.portals().size).toBe(150);
    expect(await greetingOf(portOfPortal(proxier, 'default/s149'))).toBe('after');
  });

  it('uses endpoints that came while their portal was being opened, before that sync has ended', async () => {
    const [before, after] = [
      await TcpEndpoint.listen(greet('before')),
      await TcpEndpoint.listen(greet('after')),
    ];
    const steering = new HeldSteering();
    const { proxier, relay } = startProxier({ steering });
    relay.whileOpening = () => proxier.update(stateOf([web, after.endpoint]));
    proxier.update(stateOf([web, before.endpoint]));
    await eventually(() => expect(steering.applied).toHaveLength(1));
    expect(await greetingOf(portOfPortal(proxier, 'default/web'))).toBe('after');
    steering.release();
    await proxier.settled();
  });

  it('lets others have their turn while it opens many portals', async () => {
    const many = Array.from({ length: 500 }, (_, n) => aServicePort({ name: `default/s${n}` }));
    const { proxier } = startProxier();
    let turns = 0;
    const counting = setInterval(() => (turns += 1), 1);
    proxier.update(stateOf(...many.map((servicePort) => [servicePort] as const)));
    await proxier.settled();
    clearInterval(counting);
    expect(turns).toBeGreaterThan(3);
  });

  it('opens nothing more once it is stopped', async () => {
    const many = Array.from({ length: 500 }, (_, n) => aServicePort({ name: `default/s${n}` }));
    const { proxier, relay } = startProxier();
    proxier.update(stateOf(...many.map((servicePort) => [servicePort] as const)));
    await eventually(() => expect(relay.portals().size).toBeGreaterThan(0));
    await proxier.stop();
    expect(relay.portals().size).toBeLessThan(many.length);
  });

  it('takes no state after it has stopped, and leaves the portals as they are', async () => {
    const { proxier, relay } = startProxier();
    proxier.update(stateOf([web]));
    await proxier.settled();
    await proxier.stop();
    proxier.update(stateOf());
    await proxier.settled();
    expect([...relay.portals().keys()]).toEqual(['default/web']);
  });

  it('tells how long each sync took, also of one that failed', async () => {
    const durations: number[] = [];
    const steering = new FailingSteering();
    const clock = { now: 0 };
    steering.whileApplying = () => {
      clock.now += 250;
    };
    const syncEnded = (durationMs: number) => void durations.push(durationMs);
    const { proxier } = startProxier({ steering, syncEnded, elapsed: () => clock.now });
    proxier.update(stateOf([web]));
    await proxier.settled();
    expect([durations, proxier.syncProgress().failed]).toEqual([[250], 1]);
    steering.reason = null;
    proxier.update(stateOf([web], [api]));
    await proxier.settled();
    expect([durations, proxier.syncProgress().succeeded]).toEqual([[250, 250], 1]);
  });

  it('tells how long ago the cause of a change of endpoints was when that is in force, and counts changes', async () => {
    const since: number[] = [];
    const clock = { now: 1_000_000 };
    const steering = new FailingSteering();
    const programmed = (sinceMs: number) => void since.push(sinceMs);
    const { proxier } = startProxier({ steering, programmed, now: () => clock.now });
    const endpointsTriggeredAt = new Map([[web.name, clock.now + 100]]);
    clock.now += 500;
    proxier.update({ ...stateOf([web, ...endpoints(1)]), endpointsTriggeredAt });
    await proxier.settled();
    expect(since).toEqual([]);
    expect(proxier.syncProgress()).toMatchObject({
      lastQueued: clock.now,
      changes: { services: 1, endpoints: 1, pendingServices: 1, pendingEndpoints: 1 },
    });
    steering.reason = null;
    clock.now += 200;
    proxier.update({ ...stateOf([web, ...endpoints(1)], [api]), endpointsTriggeredAt });
    await proxier.settled();
    expect(since).toEqual([600]);
    expect(proxier.syncProgress().changes).toMatchObject({
      services: 2,
      pendingServices: 0,
      pendingEndpoints: 0,
    });
  });
});

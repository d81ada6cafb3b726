import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { PortRange } from '../../src/config/proxy-config.js';
import { KubeSpliceError } from '../../src/model/errors.js';
import type { Proxier } from '../../src/proxier/proxier.js';
import { NoSteering } from '../../src/steering/none.js';
import type { Steering, SteeringCheck } from '../../src/steering/steering.js';
import { eventually } from '../support/deadline.js';
import { aServicePort, aUdpServicePort, endpoints } from '../support/proxy-values.js';
import {
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

/** Steering that fails for as long as it has a reason to. */
class FailingSteering extends NoSteering implements Steering {
  reason: string | null = 'the lock is held';
  /** What can't be steered, though the rest is. */
  problems: readonly KubeSpliceError[] = [];
  readonly checks: SteeringCheck[] = [];

  override apply(...[, check]: Parameters<Steering['apply']>): Promise<readonly KubeSpliceError[]> {
    this.checks.push(check);
    return this.reason === null ? Promise.resolve(this.problems) : Promise.reject(new Error(this.reason));
  }
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

  it('counts a failed sync, tells its reason once, stays pending and tries again', async () => {
    const steering = new FailingSteering();
    const { proxier, logger } = startProxier({ steering, syncPeriodMs: 20 });
    proxier.update(stateOf([web]));
    await eventually(() => expect(proxier.syncProgress().failed).toBeGreaterThan(1));
    expect(proxier.syncProgress()).toMatchObject({ lastSynced: null, errors: ['the lock is held'] });
    expect(proxier.syncProgress().pendingSince).not.toBeNull();
    expect(logger.messages('error')).toEqual(['sync failed']);
    steering.reason = null;
    await eventually(() => expect(proxier.syncProgress().lastSynced).not.toBeNull());
    await proxier.settled();
    expect(proxier.syncProgress()).toMatchObject({ pendingSince: null, errors: [] });
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
});

/** Timers of these kinds fire when the spec says so; everything else goes on as it does. */
function holdTimers(...toFake: ('setTimeout' | 'setInterval')[]): void {
  vi.useFakeTimers({ toFake: [...toFake, 'clearTimeout', 'clearInterval'] });
  onTestFinished(() => void vi.useRealTimers());
}

describe('steering that fails', () => {
  async function startFailing() {
    holdTimers('setTimeout');
    const steering = new FailingSteering();
    const started = startProxier({ steering, syncPeriodMs: 5_000 });
    const later = async (ms: number): Promise<number> => {
      vi.advanceTimersByTime(ms);
      await started.proxier.settled();
      return started.proxier.syncProgress().failed;
    };
    started.proxier.update(stateOf([web]));
    await started.proxier.settled();
    return { ...started, steering, later };
  }

  it('is tried again after a second, then half as often each time, and once every sync period at least', async () => {
    const { later } = await startFailing();
    const failures: number[] = [];
    for (const ms of [999, 1, 1_999, 1, 3_999, 1, 4_999, 1, 4_999, 1]) failures.push(await later(ms));
    expect(failures).toEqual([1, 2, 2, 3, 3, 4, 4, 5, 5, 6]);
  });

  it('is tried again without any change, long before the sync period, and then no more', async () => {
    const { later, steering, proxier } = await startFailing();
    steering.reason = null;
    await later(1_000);
    expect(proxier.syncProgress()).toMatchObject({ pendingSince: null, succeeded: 1, failed: 1, errors: [] });
    await later(4_000);
    expect(steering.checks).toEqual(['everything', 'everything']);
  });

  it('is tried after a second again once it has worked', async () => {
    const { later, steering, proxier } = await startFailing();
    await later(1_000);
    steering.reason = null;
    await later(2_000);
    steering.reason = 'the lock is held again';
    proxier.update(stateOf([{ ...web, port: 81 }]));
    await proxier.settled();
    expect([await later(0), await later(999), await later(1)]).toEqual([3, 3, 4]);
  });

  it('tells each reason once for as long as it lasts', async () => {
    const { later, steering, logger } = await startFailing();
    await later(1_000);
    steering.reason = 'no such table';
    await later(2_000);
    await later(4_000);
    const told = logger.lines.filter(({ level }) => level === 'error').map(({ fields }) => fields.error);
    expect(told).toEqual(['the lock is held', 'no such table']);
  });

  it('is not tried again once the proxier has stopped', async () => {
    const { later, steering, proxier } = await startFailing();
    await proxier.stop();
    await later(10_000);
    expect(steering.checks).toHaveLength(1);
  });
});

describe('what steering is asked to compare', () => {
  it('is what changed after a change; everything at first, once every sync period and after a failure', async () => {
    holdTimers('setTimeout', 'setInterval');
    const steering = new FailingSteering();
    steering.reason = null;
    const { proxier } = startProxier({ steering, syncPeriodMs: 30_000 });
    const settle = async (act: () => void): Promise<SteeringCheck | undefined> => {
      act();
      await proxier.settled();
      return steering.checks.at(-1);
    };
    const change = (port: number) => settle(() => proxier.update(stateOf([{ ...web, port }])));
    expect(await change(1)).toBe('everything');
    expect(await change(2)).toBe('changes');
    expect(await change(3)).toBe('changes');
    expect(await settle(() => vi.advanceTimersByTime(30_000))).toBe('everything');
    expect(await change(4)).toBe('changes');
    steering.reason = 'no memory';
    expect(await change(5)).toBe('changes');
    steering.reason = null;
    expect(await settle(() => vi.advanceTimersByTime(1_000))).toBe('everything');
    expect(await change(6)).toBe('changes');
    expect(steering.checks).toHaveLength(8);
  });
});

describe('what cannot be steered, though the rest is', () => {
  it('is among the errors of a sync that succeeded, as long as it lasts, and is told once', async () => {
    const steering = new FailingSteering();
    steering.reason = null;
    steering.problems = [new KubeSpliceError('STEERING_CONFLICT', 'default/web: default/api has it')];
    const { proxier, logger } = startProxier({ steering });
    for (const port of [1, 2, 3]) {
      proxier.update(stateOf([{ ...web, port }]));
      await proxier.settled();
    }
    const line = 'STEERING_CONFLICT: default/web: default/api has it';
    expect(proxier.syncProgress()).toMatchObject({
      succeeded: 3,
      failed: 0,
      pendingSince: null,
      errors: [line],
    });
    expect(logger.messages('error')).toEqual([line]);
    steering.problems = [];
    proxier.update(stateOf([web]));
    await proxier.settled();
    expect(proxier.syncProgress().errors).toEqual([]);
  });
});

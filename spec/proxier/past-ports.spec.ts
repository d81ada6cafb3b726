import { describe, expect, it } from 'vitest';
import { PastPorts } from '../../src/proxier/past-ports.js';
import type { PastRedirect } from '../../src/steering/steering.js';
import { eventually } from '../support/deadline.js';
import { aServicePort } from '../support/proxy-values.js';
import { HeldSteering, startProxier, stateOf } from '../support/started-proxier.js';

const web = aServicePort({
  name: 'default/web',
  clusterIPs: ['10.96.0.1'],
  port: 80,
  nodePort: 30_080,
  externalIPs: ['192.0.2.1'],
});
const state = stateOf([web]);
const past: readonly PastRedirect[] = [
  { protocol: 'TCP', address: '10.96.0.1', port: 80, portalPort: 40_001 },
  { protocol: 'TCP', address: null, port: 30_080, portalPort: 40_002 },
  { protocol: 'UDP', address: '10.96.0.9', port: 80, portalPort: 40_003 },
];

describe('the ports of an earlier run', () => {
  it('are those that rules lead to from the ways into a service port', () => {
    const ports = new PastPorts(past);
    expect(ports.of('default/web', 'internal', state)).toBe(40_001);
    expect(ports.of('default/web', 'external', state)).toBe(40_002);
    expect(ports.all()).toEqual(new Set([40_001, 40_002, 40_003]));
  });

  it.each([
    ['another protocol', aServicePort({ ...web, protocol: 'UDP' })],
    ['another port', aServicePort({ ...web, port: 81 })],
    ['another address', aServicePort({ ...web, clusterIPs: ['10.96.0.2'] })],
  ])('are none of a service port with %s', (_, servicePort) => {
    expect(new PastPorts(past).of('default/web', 'internal', stateOf([servicePort]))).toBeUndefined();
  });

  it('are none of a service port that is gone', () => {
    expect(new PastPorts(past).of('default/gone', 'internal', state)).toBeUndefined();
  });
});

/** Steering whose rules of an earlier run are known. */
class SteeringWithPast extends HeldSteering {
  constructor(private readonly left: readonly PastRedirect[]) {
    super();
  }

  override past(): Promise<readonly PastRedirect[]> {
    return Promise.resolve(this.left);
  }
}

describe('a proxier that starts where rules of an earlier run are', () => {
  const portRange = { first: 40_000, last: 40_009 };
  const bindAddress = '127.0.71.9';

  it('gives portals the ports that they had, and no other portal gets one of those', async () => {
    const left = Array.from({ length: 9 }, (_, index) => ({
      protocol: 'TCP' as const,
      address: `10.96.0.${index}`,
      port: 80,
      portalPort: 40_000 + index,
    }));
    const steering = new SteeringWithPast(left);
    const { proxier } = startProxier({ steering, portRange, bindAddress });
    const newcomer = aServicePort({ name: 'default/newcomer', clusterIPs: ['10.96.9.9'], port: 80 });
    proxier.update(stateOf([newcomer], [web]));
    await eventually(() => expect(steering.applied).toHaveLength(1));
    const ports = proxier.servicePorts().map(({ servicePort, portal }) => [servicePort.name, portal?.port]);
    expect(ports).toEqual([
      ['default/newcomer', 40_009],
      ['default/web', 40_001],
    ]);
    steering.release();
    await proxier.settled();
  });

  it('forgets them once its own rules are in force', async () => {
    const [first] = past;
    const steering = new SteeringWithPast(first === undefined ? [] : [first]);
    const { proxier } = startProxier({ steering, portRange: { first: 40_001, last: 40_001 }, bindAddress });
    proxier.update(stateOf());
    await eventually(() => expect(steering.applied).toHaveLength(1));
    steering.release();
    await proxier.settled();
    const newcomer = aServicePort({ name: 'default/newcomer', clusterIPs: ['10.96.9.9'], port: 80 });
    proxier.update(stateOf([newcomer]));
    await eventually(() => expect(steering.applied).toHaveLength(2));
    expect(proxier.servicePorts()[0]?.portal?.port).toBe(40_001);
    steering.release();
    await proxier.settled();
  });
});

import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { PortRange } from '../../src/config/proxy-config.js';
import { eventually } from '../support/deadline.js';
import { aServicePort } from '../support/proxy-values.js';
import { HeldSteering, RecordingSteering, startProxier, stateOf } from '../support/started-proxier.js';

/** A loopback address that nothing else uses, so that every one of its ports is free. */
const OWN_ADDRESS = '127.0.71.3';
const THREE_PORTS: PortRange = { first: 40_000, last: 40_002 };

const web = aServicePort({ name: 'default/web' });
const api = aServicePort({ name: 'default/api' });

describe('the portals that are to be guarded', () => {
  it('are every open one, steered to or not', async () => {
    const steering = new RecordingSteering();
    const { proxier, relay } = startProxier({ steering });
    proxier.update(stateOf([{ ...api, clusterIPs: [] }], [{ ...web, protocol: 'UDP' }]));
    await proxier.settled();
    const [first, second] = [relay.portals().get(api.name), relay.portals().get(web.name)];
    expect(steering.states[0]?.portals.toSorted((a, b) => (a.protocol < b.protocol ? -1 : 1))).toEqual([
      { protocol: 'TCP', address: '127.0.0.1', port: first?.port },
      { protocol: 'UDP', address: '127.0.0.1', port: second?.port },
    ]);
  });

  it('are the same array until a portal is opened or closed', async () => {
    const steering = new RecordingSteering();
    const { proxier } = startProxier({ steering });
    const states = [
      stateOf([web]),
      stateOf([{ ...web, port: 81 }]),
      stateOf([{ ...web, port: 81 }], [{ ...api, clusterIPs: [] }]),
      stateOf([{ ...web, port: 81 }]),
    ];
    for (const state of states) {
      proxier.update(state);
      await proxier.settled();
    }
    const [first, second, third, fourth] = steering.states;
    expect(second?.portals).toBe(first?.portals);
    expect(third?.portals).toHaveLength(2);
    expect(fourth?.portals).toEqual(first?.portals);
    expect(fourth?.portals).not.toBe(first?.portals);
    // No redirect is for that portal: that it is guarded is reason enough.
    expect(third?.redirects).toEqual(second?.redirects);
  });

  it('do not hold a port that closed: it rests while rules lead there, and is as free as any other then', async () => {
    // The last one of those that are free is taken.
    vi.spyOn(Math, 'random').mockReturnValue(0.99);
    onTestFinished(() => void vi.restoreAllMocks());
    const steering = new HeldSteering();
    const { proxier, relay } = startProxier({ steering, portRange: THREE_PORTS, bindAddress: OWN_ADDRESS });
    const ports: (number | undefined)[] = [];
    for (const name of ['default/one', 'default/two', 'default/three'] as const) {
      proxier.update(stateOf([aServicePort({ name })]));
      await eventually(() => expect(steering.applied).toHaveLength(ports.length + 1));
      ports.push(relay.portals().get(name)?.port);
      steering.release();
      await proxier.settled();
    }
    expect(ports).toEqual([40_002, 40_001, 40_002]);
  });
});

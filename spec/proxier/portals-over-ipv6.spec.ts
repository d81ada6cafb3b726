import { describe, expect, it } from 'vitest';
import { KubeSpliceError } from '../../src/model/errors.js';
import type { ServicePort } from '../../src/model/service-port.js';
import { relayName } from '../../src/proxier/wanted-portals.js';
import { eventually } from '../support/deadline.js';
import { aServicePort, endpoints } from '../support/proxy-values.js';
import {
  FailingSteering,
  greetingOf,
  HeldSteering,
  RecordingSteering,
  startProxier,
  stateOf,
} from '../support/started-proxier.js';
import { greet, TcpEndpoint } from '../support/tcp-endpoint.js';

const web = aServicePort({ name: 'default/web', nodePort: 30_080, externalTrafficPolicy: 'Local' });
const api = aServicePort({ name: 'default/api' });

/** The name that the relay knows the portal on `::` by. */
const onBoth = ({ name }: ServicePort) => relayName(name, '::');

describe('the portals of service ports that IPv6 is steered to', () => {
  const onIPv6 = { ...api, clusterIPs: ['10.96.0.2', 'fd00::2'] };

  /** On every IPv4 address; for IPv6 where the spec says. */
  function startWith(setting: Partial<Parameters<typeof startProxier>[0]> & { steersIPv6?: boolean } = {}) {
    const host = { steersIPv6: setting.steersIPv6 ?? true };
    const bindAddressForIPv6 = () => Promise.resolve(host.steersIPv6 ? '::' : '0.0.0.0');
    const started = startProxier({ bindAddress: '0.0.0.0', bindAddressForIPv6, ...setting });
    const addresses = () => [...started.relay.portals()].map(([name, { address }]) => [name, address]);
    return { ...started, host, addresses };
  }

  it.each<[string, Partial<ServicePort>]>([
    ['a ClusterIP', { clusterIPs: ['10.96.0.2', 'fd00::2'] }],
    ['an external IP', { externalIPs: ['2001:db8::2'] }],
    ['an IP of a load balancer', { loadBalancerIPs: ['192.0.2.2', '2001:db8::2'] }],
  ])('listen for both families where %s is one of IPv6, and others as they did', async (_, changes) => {
    const { proxier, addresses } = startWith();
    proxier.update(stateOf([{ ...web, ...changes }], [api]));
    await proxier.settled();
    expect(addresses().toSorted()).toEqual([
      ['default/api', '0.0.0.0'],
      ['default/web@dual-stack', '::'],
    ]);
  });

  it('serve clients of both families', async () => {
    const endpoint = await TcpEndpoint.listen(greet('both'));
    const { proxier } = startWith();
    proxier.update(stateOf([onIPv6, endpoint.endpoint]));
    await proxier.settled();
    const port = proxier.servicePorts()[0]?.portal?.port ?? 0;
    expect(await greetingOf(port, '127.0.0.1')).toBe('both');
    expect(await greetingOf(port, '::1')).toBe('both');
  });

  it('listen for both, too, where their external traffic follows another policy', async () => {
    const { proxier, addresses } = startWith();
    const dual = { ...web, clusterIPs: onIPv6.clusterIPs };
    proxier.update({ ...stateOf([dual]), externalEndpoints: new Map([[dual.name, endpoints(1)]]) });
    await proxier.settled();
    expect(addresses()).toEqual([
      ['default/web@dual-stack', '::'],
      ['default/web@external@dual-stack', '::'],
    ]);
  });

  it('are opened anew when an IPv6 address is added, and stay as they are when it goes', async () => {
    const steering = new RecordingSteering();
    const { proxier, addresses, relay } = startWith({ steering });
    proxier.update(stateOf([api], [web]));
    await proxier.settled();
    const untouched = relay.portals().get(web.name);
    proxier.update(stateOf([onIPv6], [web]));
    await proxier.settled();
    expect(addresses().toSorted()).toEqual([
      ['default/api@dual-stack', '::'],
      ['default/web', '0.0.0.0'],
    ]);
    const opened = relay.portals().get(onBoth(api));
    expect(
      steering.states.at(-1)?.redirects.filter(({ servicePort }) => servicePort === api.name),
    ).toMatchObject([
      { address: '10.96.0.2', portal: { address: '::', port: opened?.port } },
      { address: 'fd00::2', portal: { address: '::', port: opened?.port } },
    ]);
    proxier.update(stateOf([{ ...onIPv6, port: 81 }], [web]));
    await proxier.settled();
    expect(relay.portals().get(onBoth(api))).toEqual(opened);
    proxier.update(stateOf([api], [web]));
    await proxier.settled();
    expect([relay.portals().get(onBoth(api)), relay.portals().get(web.name)]).toEqual([opened, untouched]);
  });

  it('are opened anew by the periodic sync where IPv6 can be steered by then', async () => {
    const { proxier, addresses, host } = startWith({ steersIPv6: false, syncPeriodMs: 50 });
    proxier.update(stateOf([onIPv6]));
    await proxier.settled();
    expect(addresses()).toEqual([['default/api', '0.0.0.0']]);
    host.steersIPv6 = true;
    await eventually(() => expect(addresses()).toEqual([['default/api@dual-stack', '::']]));
    host.steersIPv6 = false;
    const { succeeded } = proxier.syncProgress();
    await eventually(() => expect(proxier.syncProgress().succeeded).toBeGreaterThan(succeeded + 1));
    expect(addresses()).toEqual([['default/api@dual-stack', '::']]);
  });

  it('stay on the address that they were given where that is one of this host', async () => {
    const { proxier, addresses } = startWith({ bindAddress: '127.0.0.1', steersIPv6: false });
    proxier.update(stateOf([api]));
    await proxier.settled();
    proxier.update(stateOf([onIPv6]));
    await proxier.settled();
    expect(addresses()).toEqual([['default/api', '127.0.0.1']]);
  });

  describe('that had none before', () => {
    it('serve until the rules lead to those that are opened in their place, and are closed then', async () => {
      const endpoint = await TcpEndpoint.listen(greet('served'));
      const steering = new HeldSteering();
      const { proxier, addresses, relay } = startWith({ steering });
      proxier.update(stateOf([api, endpoint.endpoint]));
      await eventually(() => expect(steering.applied).toHaveLength(1));
      const before = relay.portals().get(api.name)?.port ?? 0;
      steering.release();
      await proxier.settled();
      proxier.update(stateOf([onIPv6, endpoint.endpoint]));
      await eventually(() => expect(steering.applied).toHaveLength(2));
      expect(addresses()).toEqual([
        ['default/api', '0.0.0.0'],
        ['default/api@dual-stack', '::'],
      ]);
      expect(await greetingOf(before)).toBe('served');
      // Whatever becomes of the endpoints meanwhile is so for both.
      const other = await TcpEndpoint.listen(greet('other'));
      proxier.update(stateOf([onIPv6, other.endpoint]));
      expect(await greetingOf(before)).toBe('other');
      steering.release();
      await eventually(() => expect(addresses()).toEqual([['default/api@dual-stack', '::']]));
      steering.release();
      await proxier.settled();
      await expect(greetingOf(before)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
      expect(await greetingOf(relay.portals().get(onBoth(api))?.port ?? 0)).toBe('other');
    });

    it('are guarded as long as they listen', async () => {
      const steering = new RecordingSteering();
      const { proxier } = startWith({ steering });
      proxier.update(stateOf([api]));
      await proxier.settled();
      proxier.update(stateOf([onIPv6]));
      await proxier.settled();
      const guarded = steering.states.map(({ portals }) => portals.map(({ address }) => address).toSorted());
      expect(guarded).toEqual([['0.0.0.0'], ['0.0.0.0', '::']]);
    });

    it('serve on where the rules can not be written, and until they can be', async () => {
      const endpoint = await TcpEndpoint.listen(greet('served'));
      const steering = new FailingSteering();
      steering.reason = null;
      const { proxier, addresses, relay } = startWith({ steering });
      proxier.update(stateOf([api, endpoint.endpoint]));
      await proxier.settled();
      const before = relay.portals().get(api.name)?.port ?? 0;
      steering.reason = new Error('the lock is held');
      proxier.update(stateOf([onIPv6, endpoint.endpoint]));
      await proxier.settled();
      expect(proxier.syncProgress().failed).toBe(1);
      expect(await greetingOf(before)).toBe('served');
      steering.reason = null;
      await eventually(() => expect(addresses()).toEqual([['default/api@dual-stack', '::']]));
    });

    it('are closed as others are where the service port is gone before the rules are written', async () => {
      const steering = new FailingSteering();
      steering.reason = null;
      const { proxier, addresses } = startWith({ steering });
      proxier.update(stateOf([api]));
      await proxier.settled();
      steering.reason = new Error('the lock is held');
      proxier.update(stateOf([onIPv6]));
      await proxier.settled();
      steering.reason = null;
      proxier.update(stateOf([web]));
      await proxier.settled();
      expect(addresses()).toEqual([['default/web', '0.0.0.0']]);
    });

    it('keep their place where no other portal can be opened', async () => {
      const endpoint = await TcpEndpoint.listen(greet('served'));
      const { proxier, addresses, relay } = startWith();
      proxier.update(stateOf([api, endpoint.endpoint]));
      await proxier.settled();
      const before = relay.portals().get(api.name)?.port ?? 0;
      relay.refuses = new KubeSpliceError('PORTAL_OPEN_FAILED', 'no more today');
      proxier.update(stateOf([onIPv6, endpoint.endpoint]));
      await proxier.settled();
      expect(addresses()).toEqual([['default/api', '0.0.0.0']]);
      expect(proxier.servicePorts()).toMatchObject([
        { portal: { address: '0.0.0.0', port: before }, error: 'PORTAL_OPEN_FAILED: no more today' },
      ]);
      expect(await greetingOf(before)).toBe('served');
    });

    it('give their port to those where it is the last one', async () => {
      const portRange = { first: 29_872, last: 29_872 };
      const { proxier, addresses, logger } = startWith({ portRange });
      proxier.update(stateOf([api]));
      await proxier.settled();
      proxier.update(stateOf([onIPv6]));
      await proxier.settled();
      expect(addresses()).toEqual([['default/api@dual-stack', '::']]);
      expect(proxier.servicePorts()).toMatchObject([
        { portal: { address: '::', port: 29_872 }, error: null },
      ]);
      expect(logger.lines.filter(({ level }) => level === 'error')).toEqual([]);
    });

    it('give their port to whom it was too few for, once they are closed', async () => {
      const portRange = { first: 29_873, last: 29_874 };
      const steering = new FailingSteering();
      steering.reason = null;
      const { proxier, addresses } = startWith({ portRange, steering });
      proxier.update(stateOf([api]));
      await proxier.settled();
      steering.reason = new Error('the lock is held');
      proxier.update(stateOf([onIPv6]));
      await proxier.settled();
      steering.reason = null;
      proxier.update(stateOf([onIPv6], [web]));
      await proxier.settled();
      expect(addresses().toSorted()).toEqual([
        ['default/api@dual-stack', '::'],
        ['default/web', '0.0.0.0'],
      ]);
      expect(proxier.syncProgress().errors).toEqual([]);
    });

    it('keep their place where it turns out meanwhile that IPv6 can not be steered', async () => {
      const endpoint = await TcpEndpoint.listen(greet('served'));
      const answers = ['::', '0.0.0.0'];
      const bindAddressForIPv6 = () => Promise.resolve(answers.shift() ?? '0.0.0.0');
      const { proxier, addresses, relay } = startWith({ bindAddressForIPv6 });
      proxier.update(stateOf([api, endpoint.endpoint]));
      await proxier.settled();
      const before = relay.portals().get(api.name);
      proxier.update(stateOf([onIPv6, endpoint.endpoint]));
      await proxier.settled();
      expect(answers).toEqual([]);
      expect(addresses()).toEqual([['default/api', '0.0.0.0']]);
      expect(proxier.servicePorts()).toMatchObject([{ portal: { port: before?.port }, error: null }]);
      expect(await greetingOf(before?.port ?? 0)).toBe('served');
    });

    it.each(['TCP', 'UDP'] as const)(
      'make way for those of a service port of that name that comes back with %s before the rules are written',
      async (protocol) => {
        const steering = new FailingSteering();
        steering.reason = null;
        const { proxier, addresses, relay } = startWith({ steering });
        proxier.update(stateOf([api]));
        await proxier.settled();
        steering.reason = new Error('the lock is held');
        for (const state of [stateOf([onIPv6]), stateOf(), stateOf([{ ...api, protocol }])]) {
          proxier.update(state);
          await proxier.settled();
        }
        expect(addresses()).toEqual([['default/api', '0.0.0.0']]);
        expect(relay.portals().get(api.name)?.protocol).toBe(protocol);
        steering.reason = null;
        proxier.update(stateOf([{ ...api, protocol }], [web]));
        await proxier.settled();
        expect(addresses().toSorted()).toEqual([
          ['default/api', '0.0.0.0'],
          ['default/web', '0.0.0.0'],
        ]);
        expect(proxier.syncProgress().errors).toEqual([]);
      },
    );
  });
});

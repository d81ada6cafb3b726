import { describe, expect, it } from 'vitest';
import type { ServicePort } from '../../src/model/service-port.js';
import { eventually } from '../support/deadline.js';
import { aServicePort, endpoints } from '../support/proxy-values.js';
import { greetingOf, RecordingSteering, startProxier, stateOf } from '../support/started-proxier.js';
import { greet, TcpEndpoint } from '../support/tcp-endpoint.js';

const web = aServicePort({ name: 'default/web', nodePort: 30_080, externalTrafficPolicy: 'Local' });
const api = aServicePort({ name: 'default/api' });

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
      ['default/web', '::'],
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
      ['default/web', '::'],
      ['default/web@external', '::'],
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
      ['default/api', '::'],
      ['default/web', '0.0.0.0'],
    ]);
    const opened = relay.portals().get(api.name);
    expect(
      steering.states.at(-1)?.redirects.filter(({ servicePort }) => servicePort === api.name),
    ).toMatchObject([
      { address: '10.96.0.2', portal: { address: '::', port: opened?.port } },
      { address: 'fd00::2', portal: { address: '::', port: opened?.port } },
    ]);
    proxier.update(stateOf([{ ...onIPv6, port: 81 }], [web]));
    await proxier.settled();
    expect(relay.portals().get(api.name)).toEqual(opened);
    proxier.update(stateOf([api], [web]));
    await proxier.settled();
    expect([relay.portals().get(api.name), relay.portals().get(web.name)]).toEqual([opened, untouched]);
  });

  it('are opened anew by the periodic sync where IPv6 can be steered by then', async () => {
    const { proxier, addresses, host } = startWith({ steersIPv6: false, syncPeriodMs: 50 });
    proxier.update(stateOf([onIPv6]));
    await proxier.settled();
    expect(addresses()).toEqual([['default/api', '0.0.0.0']]);
    host.steersIPv6 = true;
    await eventually(() => expect(addresses()).toEqual([['default/api', '::']]));
    host.steersIPv6 = false;
    const { succeeded } = proxier.syncProgress();
    await eventually(() => expect(proxier.syncProgress().succeeded).toBeGreaterThan(succeeded + 1));
    expect(addresses()).toEqual([['default/api', '::']]);
  });

  it('stay on the address that they were given where that is one of this host', async () => {
    const { proxier, addresses } = startWith({ bindAddress: '127.0.0.1', steersIPv6: false });
    proxier.update(stateOf([api]));
    await proxier.settled();
    proxier.update(stateOf([onIPv6]));
    await proxier.settled();
    expect(addresses()).toEqual([['default/api', '127.0.0.1']]);
  });
});

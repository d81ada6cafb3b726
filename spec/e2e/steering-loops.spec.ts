import { expect, it } from 'vitest';
import { NODE } from '../support/network/node-network.js';
import { onEveryFilter } from '../support/network/on-every-filter.js';
import { portsOf, serviceOfPods } from '../support/network/service-manifests.js';

const VIRTUAL = '10.96.80.1';
const PODS = ['pod-11'];

/** Endpoints that somebody has written by hand, for both ports of a Service. */
function slice(service: string, address: string, http: number, echo: number): string {
  return JSON.stringify({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${service}-by-hand`, labels: { 'kubernetes.io/service-name': service } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
    ports: [
      { name: 'http', port: http, protocol: 'TCP' },
      { name: 'echo', port: echo, protocol: 'UDP' },
    ],
  });
}

function service(name: string, spec: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec });
}

const good = serviceOfPods('good', { spec: { clusterIP: '10.96.80.9' }, endpoints: [{ pod: '11' }] });

onEveryFilter('a Service whose endpoint is an address of a Service', (steered) => {
  it('refuses where that leads back to itself, and takes nothing from the others', async () => {
    const program = await steered().start([
      service('self', { clusterIP: VIRTUAL, ports: portsOf({}) }),
      slice('self', VIRTUAL, 80, 7000),
      service('there', { clusterIP: '10.96.80.2', ports: portsOf({}) }),
      slice('there', '10.96.80.3', 80, 7000),
      service('back', { clusterIP: '10.96.80.3', ports: portsOf({}) }),
      slice('back', '10.96.80.2', 80, 7000),
      good,
    ]);
    const { outside, node } = steered().network;
    for (const address of [VIRTUAL, '10.96.80.2', '10.96.80.3'])
      for (const machine of [outside, node]) {
        expect(await machine.curl({ address, port: 80 })).toMatch(/^curl: (52|55|56|7)$/);
        expect(await machine.askUdp({ address, port: 7000 })).toBe('no answer');
      }
    const { servicePorts } = await program.report();
    // A client of one of a pair is passed on once, and a session is begun for each datagram that is.
    for (const { name, totalConnections = 0, totalUdpSessions = 0 } of servicePorts)
      expect([name, totalConnections <= 8, totalUdpSessions <= 8]).toEqual([name, true, true]);
    expect(PODS).toContain(await outside.curl({ address: '10.96.80.9', port: 80 }));
    expect(await outside.askUdp({ address: '10.96.80.9', port: 7000 })).toContain('heard hello');
  });

  it('is served where that leads on to pods', async () => {
    await steered().start([
      service('on', { clusterIP: VIRTUAL, ports: portsOf({}) }),
      slice('on', '10.96.80.9', 80, 7000),
      good,
    ]);
    const { outside } = steered().network;
    expect(PODS).toContain(await outside.curl({ address: VIRTUAL, port: 80 }));
    expect(await outside.askUdp({ address: VIRTUAL, port: 7000 })).toContain('heard hello');
  });

  it('is served where the endpoint listens there itself, in the network of the node', async () => {
    const port = 6443;
    await steered().start([
      service('host', {
        clusterIP: VIRTUAL,
        externalIPs: [NODE.outside.IPv4],
        ports: [{ name: 'http', port }],
      }),
      slice('host', NODE.outside.IPv4, port, 7000),
    ]);
    const { outside, node } = steered().network;
    for (const machine of [outside, node])
      for (const address of [VIRTUAL, NODE.outside.IPv4])
        expect(await machine.curl({ address, port })).toBe('node');
  });
});

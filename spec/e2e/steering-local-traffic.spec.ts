import { expect, it } from 'vitest';
import type { Destination, Machine } from '../support/network/machine.js';
import { NODE } from '../support/network/node-network.js';
import { onEveryFilter } from '../support/network/on-every-filter.js';
import { SOON } from '../support/network/polling.js';
import { DUAL_STACK, dualStackService } from '../support/network/service-manifests.js';

const HEALTH_CHECK_PORT = 30_990;
const LOCAL = { externalTrafficPolicy: 'Local', healthCheckNodePort: HEALTH_CHECK_PORT };
const HERE = { pod: '11', nodeName: NODE.name } as const;
const ELSEWHERE = { pod: '12', nodeName: 'node-b' } as const;

onEveryFilter('externalTrafficPolicy: Local', (steered) => {
  it('takes traffic from outside to endpoints of this node, that of the node and its pods to all', async () => {
    await steered().start([dualStackService([HERE, ELSEWHERE], LOCAL)], ['--cluster-cidr', '10.244.0.0/24']);
    const { outside, pods, node } = steered().network;
    const nodePort = { address: NODE.outside.IPv4, port: DUAL_STACK.nodePorts.http };
    const loadBalancer = { address: DUAL_STACK.loadBalancerIPs.IPv4, port: 80 };
    const clusterIP = { address: DUAL_STACK.clusterIPs.IPv4, port: 80 };
    const served = async (machine: Machine, destination: Destination) =>
      [...new Set([await machine.curl(destination), await machine.curl(destination)])].toSorted();
    for (const external of [nodePort, loadBalancer]) {
      expect(await served(outside, external)).toEqual(['pod-11']);
      expect(await served(pods[2], external)).toEqual(['pod-11', 'pod-12']);
      expect(await served(node, external)).toEqual(['pod-11', 'pod-12']);
    }
    for (const machine of [outside, pods[2], node])
      expect(await served(machine, clusterIP)).toEqual(['pod-11', 'pod-12']);
  });

  it('drops what comes from outside where no endpoint is on this node, for the load balancer to try another', async () => {
    await steered().start([dualStackService([ELSEWHERE], LOCAL)]);
    const { outside, node } = steered().network;
    const nodePort = { address: NODE.outside.IPv4, port: DUAL_STACK.nodePorts.http };
    expect((await outside.connect(nodePort)).outcome).toBe('no answer');
    expect(await outside.askUdp({ address: DUAL_STACK.loadBalancerIPs.IPv6, port: 7000 })).toBe('no answer');
    expect(await node.curl(nodePort)).toBe('pod-12');
  });

  it('tells load balancers at its health check port how many endpoints this node has', async () => {
    const program = await steered().start([dualStackService([HERE, ELSEWHERE], LOCAL)]);
    const { outside } = steered().network;
    const asked = async (address: string, path = '/') => {
      const answer = await outside.curl({ address, port: HEALTH_CHECK_PORT }, path, '-w', '\n%{http_code}');
      const [, body = '', code = ''] = /^(.*)\n(\d+)$/s.exec(answer) ?? [];
      return { code, body: JSON.parse(body) };
    };
    const service = { namespace: 'default', name: 'dual' };
    expect(await asked(NODE.outside.IPv4)).toEqual({ code: '200', body: { service, localEndpoints: 1 } });
    expect(await asked(NODE.other.IPv6, '/any/path')).toMatchObject({ code: '200' });
    program.declare(dualStackService([ELSEWHERE], LOCAL));
    await expect
      .poll(() => asked(NODE.outside.IPv4), SOON)
      .toEqual({ code: '503', body: { service, localEndpoints: 0 } });
    program.declare(dualStackService([HERE, ELSEWHERE]));
    const healthCheck = { address: NODE.outside.IPv4, port: HEALTH_CHECK_PORT };
    await expect.poll(() => outside.curl(healthCheck), SOON).toBe('curl: 7');
  });
});

import { expect, it } from 'vitest';
import { NODE } from '../support/network/node-network.js';
import { onEveryFilter } from '../support/network/on-every-filter.js';
import { SOON } from '../support/network/polling.js';
import { DUAL_STACK, dualStackService } from '../support/network/service-manifests.js';

const FAMILIES = ['IPv4', 'IPv6'] as const;
const PODS = ['pod-11', 'pod-12', 'pod-13'];

/** Less than the time after which a SYN is sent again (RFC 6298: 1 s). */
const AT_ONCE_MS = 900;

onEveryFilter('portals are not doors', (steered) => {
  it.each(FAMILIES)(
    '%s: from off the node they refuse, and count; what is steered is served',
    async (family) => {
      const program = await steered().start([dualStackService()]);
      const { outside, pods, node } = steered().network;
      const http = await program.portOf('default/dual:http');
      const echo = await program.portOf('default/dual:echo');
      const nodeAddresses = [NODE.outside, NODE.other, NODE.pods].map((each) => each[family]);
      const before = await program.refused();
      for (const machine of [outside, pods[0]]) {
        for (const address of nodeAddresses) {
          const { outcome, elapsedMs } = await machine.connect({ address, port: http });
          expect([machine.name, address, outcome]).toEqual([machine.name, address, 'ECONNREFUSED']);
          expect(elapsedMs).toBeLessThan(AT_ONCE_MS);
          const datagram = await (await machine.dial({ address, port: echo })).ask('hello', 200);
          expect([machine.name, address, datagram.outcome]).toEqual([machine.name, address, 'no answer']);
        }
      }
      const refused = {
        connections: before.connections + 2 * nodeAddresses.length,
        datagrams: before.datagrams + 2 * nodeAddresses.length,
      };
      await expect.poll(() => program.refused(), SOON).toEqual(refused);
      const address = DUAL_STACK.clusterIPs[family];
      for (const machine of [outside, pods[0], node]) {
        expect(PODS).toContain(await machine.curl({ address, port: 80 }));
        expect(await machine.askUdp({ address, port: 7000 })).toContain('heard hello');
      }
      // What was steered is not counted.
      expect(await program.refused()).toEqual(refused);
    },
  );

  it('the node itself is served', async () => {
    const program = await steered().start([dualStackService()]);
    const { node } = steered().network;
    const http = await program.portOf('default/dual:http');
    const echo = await program.portOf('default/dual:echo');
    const ofFamilies = FAMILIES.flatMap((family) => [NODE.outside[family], NODE.pods[family]]);
    for (const address of ['127.0.0.1', '::1', ...ofFamilies]) {
      expect(PODS).toContain(await node.curl({ address, port: http }));
      expect(await node.askUdp({ address, port: echo })).toContain('heard hello');
    }
    expect(await program.refused()).toEqual({ connections: 0, datagrams: 0 });
  });

  it('a portal that has moved is guarded where it is, and its old port is nobody’s', async () => {
    const program = await steered().start([dualStackService()], ['--proxy-port-range', '40000-40010']);
    const old = await program.portOf('default/dual:http');
    await program.kill();
    const restarted = await program.restart(['--proxy-port-range', '41000-41010']);
    const { outside } = steered().network;
    const address = NODE.outside.IPv4;
    const port = await restarted.portOf('default/dual:http');
    const before = await restarted.refused();
    expect((await outside.connect({ address, port })).outcome).toBe('ECONNREFUSED');
    expect((await outside.connect({ address, port: old })).outcome).toBe('ECONNREFUSED');
    await expect.poll(async () => (await restarted.refused()).connections, SOON).toBe(before.connections + 1);
  });
});

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Redirect, SteeringPlace } from '../../../src/steering/steering.js';
import { NODE, OUTSIDE } from '../../support/network/node-network.js';
import { missingFor } from '../../support/network/requirements.js';
import { NftablesNode, PORTALS } from '../../support/nftables-node.js';
import { aRedirect, steeringState } from '../../support/steering-values.js';

const missing = missingFor('nftables');

const FIRST = { address: '::', port: PORTALS.first };
const SECOND = { address: '::', port: PORTALS.second };

/** When silence counts as no answer, ms: everything is inside one kernel. */
const SILENCE_MS = 300;

/** A port of the node that nobody listens on: what is steered there is refused, wherever it comes from. */
const CLOSED = { address: '::', port: 40_009 };

describe.skipIf(missing !== '')(`packets steered by nftables${missing}`, () => {
  let steered: NftablesNode;
  beforeAll(async () => {
    steered = await NftablesNode.create();
  });
  afterEach(() => steered.clear());
  afterAll(() => steered.delete());

  const steer = (redirects: readonly Redirect[], place: Partial<SteeringPlace> = {}): Promise<void> =>
    steered.rules(place).write(steeringState(...redirects), 'everything');

  const machines = () => {
    const { node, pods, outside } = steered.network;
    return { node, pod: pods[0], outside };
  };

  /** What each machine hears when it connects there. */
  const outcomes = async (address: string, port: number) => {
    const { node, pod, outside } = machines();
    const [ofNode, ofPod, ofOutside] = await Promise.all(
      [node, pod, outside].map((machine) => machine.connect({ address, port }, SILENCE_MS)),
    );
    return { node: ofNode?.outcome, pod: ofPod?.outcome, outside: ofOutside?.outcome };
  };

  const everyoneHears = (outcome: string) => ({ node: outcome, pod: outcome, outside: outcome });

  describe.each([
    { family: 'IPv4', clusterIP: '10.96.0.20', externalIP: '172.30.0.100' },
    { family: 'IPv6', clusterIP: 'fd00:10:96::20', externalIP: 'fd00:172:30::200' },
  ] as const)('of $family', ({ family, clusterIP, externalIP }) => {
    it('reach the portal by ClusterIP and external IP, from the node, from pods and from outside', async () => {
      await steer([
        aRedirect({ address: clusterIP, portal: FIRST }),
        aRedirect({ address: externalIP, port: 8080, kind: 'ExternalIP', portal: FIRST }),
      ]);
      for (const machine of Object.values(machines())) {
        expect(await machine.curl({ address: clusterIP, port: 80 })).toBe('node');
        expect(await machine.curl({ address: externalIP, port: 8080 })).toBe('node');
      }
      expect((await machines().pod.connect({ address: clusterIP, port: 81 }, 200)).outcome).not.toBe(
        'connected',
      );
    });

    it('are answered by UDP from the address that they were sent to', async () => {
      await steer([
        aRedirect({ protocol: 'UDP', address: clusterIP, port: 53, portal: FIRST }),
        aRedirect({ protocol: 'UDP', kind: 'NodePort', family, address: null, port: 30_053, portal: FIRST }),
      ]);
      for (const machine of Object.values(machines()))
        expect(await machine.askUdp({ address: clusterIP, port: 53 })).toBe('node heard hello');
      const { outside, pod } = machines();
      for (const address of [NODE.outside[family], NODE.other[family]])
        expect(await outside.askUdp({ address, port: 30_053 })).toBe('node heard hello');
      expect(await pod.askUdp({ address: NODE.pods[family], port: 30_053 })).toBe('node heard hello');
    });

    it('reach a NodePort on every address of the node, loopback too from the node itself', async () => {
      await steer([aRedirect({ kind: 'NodePort', family, address: null, port: 30_080, portal: FIRST })]);
      for (const address of [NODE.outside[family], NODE.other[family], NODE.pods[family]])
        expect(await outcomes(address, 30_080)).toEqual(everyoneHears('connected'));
      const loopback = family === 'IPv4' ? '127.0.0.1' : '::1';
      expect(await machines().node.curl({ address: loopback, port: 30_080 })).toBe('node');
      // A NodePort is of the node: the same port elsewhere is somebody else's.
      const ofPod = family === 'IPv4' ? '10.244.0.12' : 'fd00:10:244::12';
      expect((await machines().outside.connect({ address: ofPod, port: 30_080 })).outcome).toBe(
        'ECONNREFUSED',
      );
    });

    it('reach a NodePort on the addresses that NodePorts are on, and no other', async () => {
      const cidr = family === 'IPv4' ? '172.30.0.0/24' : 'fd00:172:30::/64';
      await steer([aRedirect({ kind: 'NodePort', family, address: null, port: 30_080, portal: FIRST })], {
        nodePortAddresses: [cidr],
      });
      expect(await outcomes(NODE.outside[family], 30_080)).toEqual(everyoneHears('connected'));
      expect(await outcomes(NODE.other[family], 30_080)).toEqual(everyoneHears('ECONNREFUSED'));
    });

    it('are refused at once where nothing serves them', async () => {
      await steer([
        aRedirect({ address: clusterIP, verdict: 'reject', portal: FIRST }),
        aRedirect({ protocol: 'UDP', address: clusterIP, port: 53, verdict: 'reject', portal: FIRST }),
        aRedirect({
          protocol: 'UDP',
          kind: 'NodePort',
          family,
          address: null,
          port: 30_053,
          verdict: 'reject',
        }),
      ]);
      expect(await outcomes(clusterIP, 80)).toEqual(everyoneHears('ECONNREFUSED'));
      const nodePort = { address: NODE.outside[family], port: 30_053 };
      const { node, pod, outside } = machines();
      for (const machine of [pod, outside]) {
        expect(await machine.askUdp({ address: clusterIP, port: 53 })).toBe('ECONNREFUSED');
        expect(await machine.askUdp(nodePort)).toBe('ECONNREFUSED');
      }
      // What the output hook refuses, sendmsg(2) does: the ICMP message comes later than that.
      expect(await node.askUdp({ address: clusterIP, port: 53 })).toBe('EPERM');
      expect(await node.askUdp(nodePort)).toBe('EPERM');
    });

    it('of the node and its pods go to a portal of their own, where others are dropped', async () => {
      const fromNode = { portal: SECOND, verdict: 'redirect' } as const;
      await steer([
        aRedirect({ kind: 'ExternalIP', address: externalIP, verdict: 'drop', portal: CLOSED, fromNode }),
        aRedirect({
          kind: 'NodePort',
          family,
          address: null,
          port: 30_080,
          verdict: 'drop',
          portal: CLOSED,
          fromNode,
        }),
      ]);
      const own = { node: 'connected', pod: 'connected', outside: 'no answer' };
      expect(await outcomes(externalIP, 80)).toEqual(own);
      expect(await outcomes(NODE.outside[family], 30_080)).toEqual(own);
    });

    it('of the node and its pods go to a portal of their own, where others have one too', async () => {
      const fromNode = { portal: CLOSED, verdict: 'redirect' } as const;
      const local = aRedirect({ kind: 'ExternalIP', address: externalIP, portal: FIRST, fromNode });
      await steer([local]);
      const own = { node: 'ECONNREFUSED', pod: 'ECONNREFUSED', outside: 'connected' };
      expect(await outcomes(externalIP, 80)).toEqual(own);
      await steer([local], { clusterCIDRs: [] });
      expect(await outcomes(externalIP, 80)).toEqual({ ...own, pod: 'connected' });
    });

    it('are dropped from sources that may not use the load balancer', async () => {
      const ranges = family === 'IPv4' ? [`${OUTSIDE.IPv4}/32`] : [`${OUTSIDE.IPv6}/128`];
      const restricted = (sourceRanges: readonly string[]) =>
        aRedirect({ kind: 'LoadBalancer', address: externalIP, portal: FIRST, sourceRanges });
      await steer([restricted(ranges), aRedirect({ address: clusterIP, portal: FIRST })]);
      const { outside, node, pod } = machines();
      const from = (localAddress: string) =>
        outside.connect({ address: externalIP, port: 80, localAddress }, SILENCE_MS);
      expect((await from(OUTSIDE[family])).outcome).toBe('connected');
      expect((await from(OUTSIDE.other[family])).outcome).toBe('no answer');
      expect((await pod.connect({ address: externalIP, port: 80 }, SILENCE_MS)).outcome).toBe('no answer');
      expect((await node.connect({ address: externalIP, port: 80 })).outcome).toBe('connected');
      expect((await pod.connect({ address: clusterIP, port: 80 })).outcome).toBe('connected');
      await steer([restricted(family === 'IPv4' ? ['fd00::/8'] : ['0.0.0.0/0'])]);
      expect((await from(OUTSIDE[family])).outcome).toBe('no answer');
    });

    it('are refused, or dropped, at an address that only some may use and nothing serves', async () => {
      const sourceRanges = [`${OUTSIDE[family]}/${family === 'IPv4' ? 32 : 128}`];
      await steer([
        aRedirect({
          kind: 'LoadBalancer',
          address: externalIP,
          verdict: 'reject',
          portal: FIRST,
          sourceRanges,
        }),
      ]);
      const { outside, pod } = machines();
      const allowed = { address: externalIP, port: 80, localAddress: OUTSIDE[family] };
      expect((await outside.connect(allowed)).outcome).toBe('ECONNREFUSED');
      expect((await pod.connect({ address: externalIP, port: 80 }, SILENCE_MS)).outcome).toBe('no answer');
    });

    it('straight to a portal are refused and counted, unless they come from the node itself', async () => {
      const rules = steered.rules();
      await rules.write(steeringState(aRedirect({ address: clusterIP, portal: FIRST })), 'everything');
      await rules.write(
        {
          redirects: [aRedirect({ address: clusterIP, portal: FIRST })],
          portals: [
            { protocol: 'TCP', ...FIRST },
            { protocol: 'UDP', ...SECOND },
          ],
        },
        'changes',
      );
      expect(await rules.refused()).toEqual({ connections: 0, datagrams: 0 });
      const { node, pod, outside } = machines();
      expect(await outcomes(NODE.outside[family], PORTALS.first)).toEqual({
        node: 'connected',
        pod: 'ECONNREFUSED',
        outside: 'ECONNREFUSED',
      });
      expect(await outside.askUdp({ address: NODE.outside[family], port: PORTALS.second })).toBe('no answer');
      expect(await node.askUdp({ address: NODE.outside[family], port: PORTALS.second })).toBe(
        'node heard hello',
      );
      expect(await pod.curl({ address: clusterIP, port: 80 })).toBe('node');
      expect(await rules.refused()).toEqual({ connections: 2, datagrams: 1 });
    });
  });

  it('reach a portal on one address of the node', async () => {
    const portal = { address: NODE.other.IPv4, port: PORTALS.first };
    await steer([aRedirect({ portal }), aRedirect({ kind: 'NodePort', port: 30_080, portal })]);
    expect(await outcomes('10.96.0.1', 80)).toEqual(everyoneHears('connected'));
    expect(await outcomes(NODE.outside.IPv4, 30_080)).toEqual(everyoneHears('connected'));
    expect(await outcomes(NODE.other.IPv4, PORTALS.first)).toEqual({
      node: 'connected',
      pod: 'ECONNREFUSED',
      outside: 'ECONNREFUSED',
    });
  });

  it('reach a portal on loopback from the node only', async () => {
    await steer([
      aRedirect({ portal: { address: '127.0.0.1', port: PORTALS.first } }),
      aRedirect({ address: 'fd00:10:96::1', portal: { address: '::1', port: PORTALS.first } }),
    ]);
    expect((await outcomes('10.96.0.1', 80)).node).toBe('connected');
    expect((await outcomes('10.96.0.1', 80)).pod).not.toBe('connected');
    expect((await outcomes('fd00:10:96::1', 80)).node).toBe('connected');
  });

  it('reach the portal where the node has no address to send them to', async () => {
    await steer([aRedirect({ portal: FIRST })], { nodeAddress: () => null });
    expect(await outcomes('10.96.0.1', 80)).toEqual(everyoneHears('connected'));
  });

  it('of IPv6 are refused where the portal has IPv4 only', async () => {
    await steer([
      aRedirect({ address: 'fd00:10:96::1', portal: { address: '0.0.0.0', port: PORTALS.first } }),
    ]);
    expect(await outcomes('fd00:10:96::1', 80)).toEqual(everyoneHears('ECONNREFUSED'));
  });
});

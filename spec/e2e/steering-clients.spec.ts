import { expect, it } from 'vitest';
import type { Machine } from '../support/network/machine.js';
import { NODE, OUTSIDE } from '../support/network/node-network.js';
import { onEveryFilter } from '../support/network/on-every-filter.js';
import {
  ALL_PODS,
  DUAL_STACK,
  dualStackService,
  serviceOfPods,
} from '../support/network/service-manifests.js';
import type { SteeredNode } from '../support/network/steered-node.js';

const FAMILIES = ['IPv4', 'IPv6'] as const;
const PODS = ['pod-11', 'pod-12', 'pod-13'];

/** A client: a machine, and which of its addresses it uses. */
interface Client {
  readonly machine: Machine;
  readonly localAddress?: string;
}

/** Six clients with an address each. */
function clientsOf({ network: { node, pods, outside } }: SteeredNode): readonly Client[] {
  return [
    ...pods.map((machine) => ({ machine })),
    { machine: node },
    { machine: outside, localAddress: OUTSIDE.IPv4 },
    { machine: outside, localAddress: OUTSIDE.other.IPv4 },
  ];
}

onEveryFilter('the portal sees the real client', (steered) => {
  it.each(['TCP', 'UDP'] as const)('so that affinity keeps clients apart, %s', async (protocol) => {
    await steered().start([dualStackService(ALL_PODS, { sessionAffinity: 'ClientIP' })]);
    const address = DUAL_STACK.clusterIPs.IPv4;
    const answerTo = ({ machine, localAddress }: Client) => {
      const from = localAddress === undefined ? {} : { localAddress };
      return protocol === 'TCP'
        ? machine.curl({ address, port: 80, ...from })
        : machine.askUdp({ address, port: 7000, ...from });
    };
    const rounds: string[][] = [];
    for (let round = 0; round < 3; round += 1) {
      const answers: string[] = [];
      for (const client of clientsOf(steered())) answers.push(await answerTo(client));
      rounds.push(answers);
    }
    const [first = []] = rounds;
    // Each stays where it was, and new clients go to each endpoint in turn.
    expect(rounds).toEqual([first, first, first]);
    expect(first.map((answer) => answer.slice(0, 6)).toSorted()).toEqual([...PODS, ...PODS].toSorted());
  });

  it('and names it when its connection fails', async () => {
    const refusing = { endpoints: [{ pod: '11' }], httpPort: 9 } as const;
    const { program } = await steered().start([
      serviceOfPods('refusing', {
        spec: {
          type: 'NodePort',
          clusterIP: '10.96.50.1',
          ports: [{ name: 'http', port: 80, nodePort: 30_050 }],
        },
        ...refusing,
      }),
    ]);
    const { pods, outside, node } = steered().network;
    await pods[0].connect({ address: '10.96.50.1', port: 80 });
    await program.says(/connection failed.*client=10\.244\.0\.11:\d+/);
    await outside.connect({ address: NODE.other.IPv4, port: 30_050, localAddress: OUTSIDE.other.IPv4 });
    await program.says(/connection failed.*client=172\.31\.0\.2:\d+/);
    await node.connect({ address: '10.96.50.1', port: 80, localAddress: NODE.other.IPv4 });
    await program.says(/connection failed.*client=172\.31\.0\.1:\d+/);
  });

  it('so that loadBalancerSourceRanges let one in and drop others', async () => {
    const ranges = ['172.30.0.0/24', 'fd00:172:30::/64'];
    await steered().start([dualStackService(ALL_PODS, { loadBalancerSourceRanges: ranges })]);
    const { outside, pods, node } = steered().network;
    for (const family of FAMILIES) {
      const address = DUAL_STACK.loadBalancerIPs[family];
      const [http, echo] = [
        { address, port: 80 },
        { address, port: 7000 },
      ];
      const allowed = { localAddress: OUTSIDE[family] };
      const forbidden = { localAddress: OUTSIDE.other[family] };
      expect(PODS).toContain(await outside.curl({ ...http, ...allowed }));
      expect(await outside.askUdp({ ...echo, ...allowed })).toContain('heard hello');
      expect((await outside.connect({ ...http, ...forbidden })).outcome).toBe('no answer');
      expect(await outside.askUdp({ ...echo, ...forbidden })).toBe('no answer');
      expect((await pods[0].connect(http)).outcome).toBe('no answer');
      expect(PODS).toContain(await node.curl(http));
      // Of the load balancer's addresses only.
      const nodePort = { address: NODE.other[family], port: DUAL_STACK.nodePorts.http };
      expect(PODS).toContain(await outside.curl({ ...nodePort, ...forbidden }));
    }
  });
});

onEveryFilter('UDP replies come from the address that the client sent to', (steered) => {
  it('whichever address of the node that is, and whichever the client has', async () => {
    await steered().start([dualStackService()]);
    const { outside, node } = steered().network;
    const unanswered: string[] = [];
    for (const family of FAMILIES) {
      const nodeAddresses = [NODE.outside, NODE.other, NODE.pods].map((each) => each[family]);
      const { clusterIPs, loadBalancerIPs, nodePorts } = DUAL_STACK;
      const destinations = [
        ...[clusterIPs, loadBalancerIPs].map((each) => ({ address: each[family], port: 7000 })),
        ...nodeAddresses.map((address) => ({ address, port: nodePorts.echo })),
      ];
      const clients = [
        ...[OUTSIDE, OUTSIDE.other].map((each) => ({ machine: outside, localAddress: each[family] })),
        ...nodeAddresses.map((localAddress) => ({ machine: node, localAddress })),
      ];
      for (const destination of destinations) {
        for (const { machine, localAddress } of clients) {
          // The socket is connected: it hears no other address.
          const answer = await machine.askUdp({ ...destination, localAddress });
          if (!answer.endsWith(' heard hello'))
            unanswered.push(`${localAddress} -> ${destination.address} ${destination.port}: ${answer}`);
        }
      }
    }
    expect(unanswered).toEqual([]);
  });
});

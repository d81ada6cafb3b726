import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Destination, Machine } from '../support/network/machine.js';
import { NODE } from '../support/network/node-network.js';
import { onEveryFilter } from '../support/network/on-every-filter.js';
import { SOON } from '../support/network/polling.js';
import {
  ALL_PODS,
  DUAL_STACK,
  dualStackService,
  RECORDED_OBJECTS,
  serviceOfPods,
} from '../support/network/service-manifests.js';
import type { SteeredNode } from '../support/network/steered-node.js';

type Client = 'host' | 'pod' | 'outside';
type Family = 'IPv4' | 'IPv6';

const EVERYBODY: readonly Client[] = ['host', 'pod', 'outside'];
const FAMILIES: readonly Family[] = ['IPv4', 'IPv6'];

/** One way into a Service, who may use it, and who answers there. */
interface WayIn extends Destination {
  readonly protocol: 'TCP' | 'UDP';
  readonly from: readonly Client[];
  readonly servedBy: readonly string[];
}

const tcp = (address: string, port: number, servedBy: readonly string[], from = EVERYBODY): WayIn => ({
  protocol: 'TCP',
  address,
  port,
  servedBy,
  from,
});
const udp = (address: string, port: number, servedBy: readonly string[], from = EVERYBODY): WayIn => ({
  ...tcp(address, port, servedBy, from),
  protocol: 'UDP',
});

/** On every address of the node, which has loopback for itself. */
function nodePort(way: typeof tcp, port: number, servedBy: readonly string[], family: Family): WayIn[] {
  const addresses = [NODE.pods, NODE.outside, NODE.other].map((each) => each[family]);
  return [
    ...addresses.map((address) => way(address, port, servedBy)),
    way(family === 'IPv4' ? '127.0.0.1' : '::1', port, servedBy, ['host']),
  ];
}

const WEB = ['pod-11', 'pod-13'];
const DNS = ['pod-11', 'pod-12'];
const PODS = ['pod-11', 'pod-12', 'pod-13'];

/** Everything in the recorded objects that has endpoints. */
const RECORDED: readonly WayIn[] = [
  tcp('10.96.0.1', 443, ['node']),
  tcp('10.96.0.10', 53, DNS),
  udp('10.96.0.10', 53, DNS),
  tcp('10.96.20.1', 80, WEB),
  tcp('172.30.0.100', 80, WEB),
  // Its source ranges are those of the network outside; the node itself may always.
  tcp('172.30.0.200', 80, WEB, ['host', 'outside']),
  ...nodePort(tcp, 30_080, WEB, 'IPv4'),
  tcp('10.96.10.28', 3000, PODS),
  ...nodePort(tcp, 31_647, PODS, 'IPv4'),
];

const DUAL: readonly WayIn[] = FAMILIES.flatMap((family) => {
  const { clusterIPs, externalIPs, loadBalancerIPs, nodePorts } = DUAL_STACK;
  const addresses = [clusterIPs[family], externalIPs[family], loadBalancerIPs[family]];
  return [
    ...addresses.flatMap((address) => [tcp(address, 80, PODS), udp(address, 7000, PODS)]),
    ...nodePort(tcp, nodePorts.http, PODS, family),
    ...nodePort(udp, nodePorts.echo, PODS, family),
  ];
});

/** What is not served as it should be, a line for each client and way in. */
async function unserved(machines: Readonly<Record<Client, Machine>>, ways: readonly WayIn[]) {
  const failures = await Promise.all(
    EVERYBODY.map(async (client) => {
      const found: string[] = [];
      for (const way of ways.filter(({ from }) => from.includes(client))) {
        const machine = machines[client];
        const answer =
          way.protocol === 'TCP'
            ? await machine.curl(way)
            : (await machine.askUdp(way)).replace(/ heard hello$/, '');
        if (!way.servedBy.includes(answer))
          found.push(`${client} -> ${way.protocol} ${way.address} ${way.port}: ${answer}`);
      }
      return found;
    }),
  );
  return failures.flat();
}

function clientsOf({ network }: SteeredNode): Readonly<Record<Client, Machine>> {
  return { host: network.node, pod: network.pods[1], outside: network.outside };
}

/** Less than the time after which a SYN is sent again (RFC 6298: 1 s). */
const AT_ONCE_MS = 900;

/** Whoever sends what a rule for its own host's packets rejects learns so from send(2) itself. */
const REFUSED = ['ECONNREFUSED', 'EPERM'];

/** Where br_netfilter is loaded, bridged packets pass the rules too, if this is set. */
const BRIDGE_SETTING = 'net/bridge/bridge-nf-call-iptables';

onEveryFilter('every Service answers on every address it should', (steered) => {
  it('those that kube-proxy was recorded with', async () => {
    await steered().start([RECORDED_OBJECTS]);
    expect(await unserved(clientsOf(steered()), RECORDED)).toEqual([]);
  });

  it('a dual-stack one with every kind of address, for TCP and UDP', async () => {
    await steered().start([dualStackService()]);
    expect(await unserved(clientsOf(steered()), DUAL)).toEqual([]);
  });

  describe.skipIf(!existsSync(`/proc/sys/${BRIDGE_SETTING}`))(
    'on a bridge whose packets pass the rules or not (SKIPPED without br_netfilter)',
    () => {
      it.each(['0', '1'])('bridge-nf-call-iptables=%s', async (value) => {
        const { namespace } = steered().network.node;
        await namespace.set(BRIDGE_SETTING, value);
        await namespace.set(BRIDGE_SETTING.replace('iptables', 'ip6tables'), value);
        await steered().start([RECORDED_OBJECTS, dualStackService()]);
        const clusterIPs = [...RECORDED, ...DUAL].filter(
          ({ address }) => address.startsWith('10.96') || address.startsWith('fd00:10:96'),
        );
        expect(await unserved(clientsOf(steered()), clusterIPs)).toEqual([]);
      });
    },
  );

  it('a pod reaches itself through its own Service', async () => {
    const [pod] = steered().network.pods;
    await steered().start([dualStackService([{ pod: '11' }])]);
    for (const family of FAMILIES) {
      const address = DUAL_STACK.clusterIPs[family];
      expect(await pod.curl({ address, port: 80 })).toBe('pod-11');
      expect(await pod.askUdp({ address, port: 7000 })).toBe('pod-11 heard hello');
    }
  });

  it('one without endpoints refuses at once', async () => {
    const { clusterIPs, loadBalancerIPs, nodePorts } = DUAL_STACK;
    await steered().start([RECORDED_OBJECTS, dualStackService([])]);
    const addresses = [...Object.values(clusterIPs), ...Object.values(loadBalancerIPs)];
    const refusing: Destination[] = [
      { address: '10.96.20.9', port: 80 },
      ...addresses.map((address) => ({ address, port: 80 })),
      { address: NODE.outside.IPv4, port: nodePorts.http },
      { address: NODE.outside.IPv6, port: nodePorts.http },
    ];
    const silent: string[] = [];
    for (const [client, machine] of Object.entries(clientsOf(steered()))) {
      for (const way of refusing) {
        const { outcome, elapsedMs } = await machine.connect(way);
        if (outcome !== 'ECONNREFUSED' || elapsedMs > AT_ONCE_MS)
          silent.push(`${client} -> TCP ${way.address} ${way.port}: ${outcome} after ${elapsedMs} ms`);
      }
      for (const address of addresses) {
        const answer = await machine.askUdp({ address, port: 7000 });
        if (!REFUSED.includes(answer)) silent.push(`${client} -> UDP ${address} 7000: ${answer}`);
      }
    }
    expect(silent).toEqual([]);
  });

  it('NodePorts are on the addresses of --nodeport-addresses only', async () => {
    const { outside, node } = steered().network;
    const [port, echo] = [DUAL_STACK.nodePorts.http, DUAL_STACK.nodePorts.echo];
    await steered().start([dualStackService()], ['--nodeport-addresses', '172.30.0.0/24,fd00:172:30::/64']);
    for (const family of FAMILIES) {
      expect(PODS).toContain(await outside.curl({ address: NODE.outside[family], port }));
      for (const address of [NODE.other[family], NODE.pods[family]]) {
        // What holds the node port for us may take a connection, which it resets.
        expect(await outside.curl({ address, port })).toMatch(/^curl: /);
        expect(await outside.askUdp({ address, port: echo })).toMatch(/no answer|ECONNREFUSED/);
      }
    }
    expect(await node.curl({ address: '127.0.0.1', port })).toMatch(/^curl: /);
  });

  it('a Service that comes, changes its address or goes is followed', async () => {
    const [pod] = steered().network.pods;
    const at = (clusterIP: string) => serviceOfPods('moving', { spec: { clusterIP }, endpoints: ALL_PODS });
    const program = await steered().start([at('10.96.40.1')]);
    const answer = (address: string) => pod.connect({ address, port: 80 }, 100);
    expect((await answer('10.96.40.1')).outcome).toBe('connected');
    program.declare(at('10.96.40.2'));
    await expect.poll(async () => (await answer('10.96.40.2')).outcome, SOON).toBe('connected');
    expect((await answer('10.96.40.1')).outcome).toBe('no answer');
    program.declare('');
    await expect.poll(async () => (await answer('10.96.40.2')).outcome, SOON).toBe('no answer');
  });
});

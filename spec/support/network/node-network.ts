import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FinishedProcess, outputOf, type ProcessOptions, runProcess } from './finished-process.js';
import { Machine } from './machine.js';
import { deleteOrphanedNamespaces } from './network-namespace.js';

/** The addresses of the node: where pods, and where the outside, reach it. */
export const NODE = {
  name: 'node-a',
  pods: { IPv4: '10.244.0.1', IPv6: 'fd00:10:244::1' },
  outside: { IPv4: '172.30.0.1', IPv6: 'fd00:172:30::1' },
  /** Of an interface of its own: this node has several addresses. */
  other: { IPv4: '172.31.0.1', IPv6: 'fd00:172:31::1' },
} as const;

/** Those of the client outside: one on each of the two networks that it shares with the node. */
export const OUTSIDE = {
  IPv4: '172.30.0.2',
  IPv6: 'fd00:172:30::2',
  other: { IPv4: '172.31.0.2', IPv6: 'fd00:172:31::2' },
} as const;

/** The last parts of the pods' addresses, as in the recorded objects: `10.244.0.11`, `fd00:10:244::11`. */
const PODS = ['11', '12', '13'] as const;

/** Where the recorded Service `kubernetes` has its endpoint, on the node. */
const API_SERVER_PORT = 6443;

/** What pods serve: HTTP, DNS in name only, and an echo. */
const POD_PORTS = { http: [3000, 53], udp: [7000, 53] } as const;

/** Service addresses, which the outside reaches by way of the node. */
const ROUTED = {
  IPv4: ['10.96.0.0/12', '10.244.0.0/24', '172.30.0.100/32', '172.30.0.200/31'],
  IPv6: ['fd00:10:96::/48', 'fd00:10:244::/64', 'fd00:172:30::200/127'],
} as const;

/**
 *     pod-11 ─┐
 *     pod-12 ─┼─ cni0 ─ node ─ eth0 ─ outside        10.244.0.0/24, 172.30.0.0/24
 *     pod-13 ─┘            └── eth1 ────┘            172.31.0.0/24; all of it with IPv6 too
 */
export class NodeNetwork {
  /** Stands for /run on the node: where iptables keeps its lock. */
  readonly runDirectory = mkdtempSync(join(tmpdir(), 'kube-splice-run-'));

  private constructor(
    readonly node: Machine,
    readonly pods: readonly [Machine, Machine, Machine],
    readonly outside: Machine,
  ) {}

  /** Makes it, in namespaces of its own. `delete` is to be called when it has served. */
  static async create(): Promise<NodeNetwork> {
    await deleteOrphanedNamespaces();
    const machines: Machine[] = [];
    const machine = async (name: string): Promise<Machine> => {
      const created = await Machine.create(name);
      machines.push(created);
      return created;
    };
    try {
      const node = await machine('node');
      const [first, second, third] = PODS;
      const pods = [
        await machine(`pod-${first}`),
        await machine(`pod-${second}`),
        await machine(`pod-${third}`),
      ] as const;
      const outside = await machine('outside');
      await connectPods(node, pods);
      await connectOutside(node, outside);
      await Promise.all([
        node.serveHttp(API_SERVER_PORT),
        ...pods.flatMap((pod) => POD_PORTS.http.map((port) => pod.serveHttp(port))),
        ...pods.flatMap((pod) => POD_PORTS.udp.map((port) => pod.serveUdp(port))),
      ]);
      return new NodeNetwork(node, pods, outside);
    } catch (error) {
      await Promise.allSettled(machines.map((created) => created.delete()));
      throw error;
    }
  }

  /** The command that runs another one on the node, with a /run of the node's own. */
  get throughNode(): readonly string[] {
    const mount = 'mount --bind "$0" /run && exec "$@"';
    return [...this.node.namespace.through, '/bin/sh', '-c', mount, this.runDirectory];
  }

  /** Runs a program on the node to its end. */
  runOnNode(argv: readonly string[], options?: ProcessOptions): Promise<FinishedProcess> {
    return runProcess([...this.throughNode, ...argv], options);
  }

  /** As `runOnNode`: what it prints. Rejects where it fails. */
  outputOnNode(argv: readonly string[], options?: ProcessOptions): Promise<string> {
    return outputOf([...this.throughNode, ...argv], options);
  }

  async delete(): Promise<void> {
    const ends = await Promise.allSettled(
      [this.node, ...this.pods, this.outside].map((machine) => machine.delete()),
    );
    rmSync(this.runDirectory, { recursive: true, force: true });
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }
}

async function connectPods(node: Machine, pods: readonly Machine[]): Promise<void> {
  const { namespace } = node;
  // A router, that goes by no path but its routes. Refusals are not rationed, so that a spec may cause many.
  for (const [parameter, value] of [
    ['net/ipv4/ip_forward', '1'],
    ['net/ipv6/conf/all/forwarding', '1'],
    ['net/ipv4/conf/all/rp_filter', '0'],
    ['net/ipv4/conf/default/rp_filter', '0'],
    ['net/ipv4/icmp_ratelimit', '0'],
    ['net/ipv6/icmp/ratelimit', '0'],
  ] as const)
    await namespace.set(parameter, value);
  await namespace.ipBatch(
    'link add cni0 type bridge',
    `address add ${NODE.pods.IPv4}/24 dev cni0`,
    `address add ${NODE.pods.IPv6}/64 dev cni0 nodad`,
    'link set cni0 up',
    ...pods.flatMap((pod, index) => [
      `link add veth${index} type veth peer name eth0 netns ${pod.namespace.name}`,
      `link set veth${index} master cni0 up`,
    ]),
  );
  for (const [index, pod] of pods.entries()) {
    await pod.namespace.ipBatch(
      `address add 10.244.0.${PODS[index]}/24 dev eth0`,
      `address add fd00:10:244::${PODS[index]}/64 dev eth0 nodad`,
      'link set eth0 up',
      `route add default via ${NODE.pods.IPv4}`,
      `route add default via ${NODE.pods.IPv6}`,
    );
  }
}

async function connectOutside(node: Machine, outside: Machine): Promise<void> {
  const pair = (device: string, near: AddressPair) => [
    `address add ${near.IPv4}/24 dev ${device}`,
    `address add ${near.IPv6}/64 dev ${device} nodad`,
    `link set ${device} up`,
  ];
  await node.namespace.ipBatch(
    ...['eth0', 'eth1'].map(
      (device) => `link add ${device} type veth peer name ${device} netns ${outside.namespace.name}`,
    ),
    ...pair('eth0', NODE.outside),
    ...pair('eth1', NODE.other),
    `route add default via ${OUTSIDE.IPv4}`,
    `route add default via ${OUTSIDE.IPv6}`,
  );
  await outside.namespace.ipBatch(
    ...pair('eth0', OUTSIDE),
    ...pair('eth1', OUTSIDE.other),
    ...ROUTED.IPv4.map((cidr) => `route add ${cidr} via ${NODE.outside.IPv4}`),
    ...ROUTED.IPv6.map((cidr) => `route add ${cidr} via ${NODE.outside.IPv6}`),
  );
}

interface AddressPair {
  readonly IPv4: string;
  readonly IPv6: string;
}

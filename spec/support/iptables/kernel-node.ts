import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { NODE, type NodeTopology } from './node-topology.js';

/** Ports that somebody listens on, in each of the namespaces: what goes there is answered, or was refused by a rule. */
export const LISTENED_PORTS = [80, 8080, 40_001, 40_002];

/** An address that is nobody's: packets to it leave the node, and whoever is outside has it. */
export const OUTSIDE_SERVICE = '10.96.0.1';

/** As the namespaces below are: pods without a bridge that netfilter sees. */
export const KERNEL_NODE = {
  ...NODE,
  places: {
    ...NODE.places,
    pod: { interface: 'cni0', source: { IPv4: '10.244.1.5' } },
    outside: { interface: 'eth0', source: { IPv4: '172.30.0.77' } },
  },
} as const satisfies NodeTopology;

export type KernelPlace = 'host' | 'pod' | 'outside';

/** Who answered a connection, and what its socket says of it; or how the connection ended. */
export type Answer =
  | { readonly by: string; readonly address: string; readonly port: number; readonly source: string }
  | 'refused'
  | 'silence';

/** Listens, connects as it is told on standard input, and tells what came of it. */
const AGENT = `
  const { createServer, connect } = require('node:net');
  const [name, ...ports] = process.argv.slice(1);
  let open = 0;
  for (const port of ports)
    createServer((socket) => {
      socket.on('error', () => {});
      const { localAddress: address, localPort, remoteAddress: source } = socket;
      socket.end(JSON.stringify({ by: name, address, port: localPort, source }));
    }).listen(Number(port), '0.0.0.0', () => ++open === ports.length && console.log('ready'));
  require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
    const { host, port, timeout } = JSON.parse(line);
    const socket = connect({ host, port });
    let text = '';
    let ended = false;
    const end = (answer) => { if (!ended) console.log(answer); ended = true; socket.destroy(); };
    socket.setTimeout(timeout, () => end('"silence"'));
    socket.on('data', (data) => { text += data; });
    socket.on('end', () => end(text));
    socket.on('error', ({ code }) => end(code === 'ECONNREFUSED' ? '"refused"' : JSON.stringify(code)));
  });
`;

type Agent = ChildProcessByStdio<Writable, Readable, null>;

/** Somebody in a network namespace of their own. */
class Inhabitant {
  readonly #lines: Interface;

  private constructor(private readonly agent: Agent) {
    this.#lines = createInterface({ input: agent.stdout });
  }

  static async start(name: string): Promise<Inhabitant> {
    const ports = LISTENED_PORTS.map(String);
    const agent = spawn('unshare', ['--net', process.execPath, '-e', AGENT, name, ...ports], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const inhabitant = new Inhabitant(agent);
    await once(inhabitant.#lines, 'line');
    return inhabitant;
  }

  get pid(): number {
    if (this.agent.pid === undefined) throw new Error('an agent has no process id');
    return this.agent.pid;
  }

  run(program: string, args: readonly string[], input = ''): string {
    return execFileSync('nsenter', [`--net=/proc/${this.pid}/ns/net`, '--', program, ...args], {
      input,
      encoding: 'utf8',
    });
  }

  /** As `ip -batch`. */
  ip(...lines: readonly string[]): void {
    this.run('ip', ['-batch', '-'], `${lines.join('\n')}\n`);
  }

  async ask(host: string, port: number, timeout: number): Promise<Answer> {
    const answered = once(this.#lines, 'line');
    this.agent.stdin.write(`${JSON.stringify({ host, port, timeout })}\n`);
    const [line] = await answered;
    return JSON.parse(String(line));
  }

  async close(): Promise<void> {
    const ended = once(this.agent, 'exit');
    this.agent.kill('SIGKILL');
    await ended;
  }
}

/** The node of `KERNEL_NODE`, a pod and somebody outside, made of network namespaces; IPv4 only. */
export class KernelNode {
  private constructor(private readonly inhabitants: Readonly<Record<KernelPlace, Inhabitant>>) {}

  static async start(): Promise<KernelNode> {
    const [host, pod, outside] = await Promise.all(
      ['node', 'pod', 'outside'].map((name) => Inhabitant.start(name)),
    );
    if (host === undefined || pod === undefined || outside === undefined) throw new Error('nobody is there');
    host.ip(
      'link set lo up',
      `link add cni0 type veth peer name eth0 netns ${pod.pid}`,
      `link add eth0 type veth peer name eth0 netns ${outside.pid}`,
      'addr add 10.244.1.1/24 dev cni0',
      'addr add 172.30.0.1/24 dev eth0',
      'link set cni0 up',
      'link set eth0 up',
      'route add default via 172.30.0.77',
    );
    pod.ip(
      'link set lo up',
      'addr add 10.244.1.5/24 dev eth0',
      'link set eth0 up',
      'route add default via 10.244.1.1',
    );
    outside.ip(
      'link set lo up',
      'addr add 172.30.0.77/24 dev eth0',
      `addr add ${OUTSIDE_SERVICE}/32 dev lo`,
      'link set eth0 up',
      'route add default via 172.30.0.1',
    );
    // Each rejection is told, also where there are many.
    host.run('sh', ['-c', 'cd /proc/sys/net/ipv4 && echo 1 >ip_forward && echo 0 >icmp_ratelimit']);
    return new KernelNode({ host, pod, outside });
  }

  /** Makes the node's rules those that are given, and no others. */
  load(input: string): void {
    this.inhabitants.host.run('/usr/sbin/iptables-legacy-restore', [], input);
  }

  connect(from: KernelPlace, host: string, port: number, timeoutMs: number): Promise<Answer> {
    return this.inhabitants[from].ask(host, port, timeoutMs);
  }

  async close(): Promise<void> {
    await Promise.all(Object.values(this.inhabitants).map((each) => each.close()));
  }
}

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { NftablesRules } from '../../src/steering/nftables/nftables-rules.js';
import type { SteeringPlace } from '../../src/steering/steering.js';
import { within } from './deadline.js';
import { NetnsCommands } from './netns-commands.js';
import { NODE, NodeNetwork } from './network/node-network.js';
import { aPlace } from './steering-values.js';

/** Ports of the node on which something answers as a portal does: `node` by HTTP, `node heard …` by UDP. */
export const PORTALS = { first: 40_001, second: 40_002 } as const;

const PODS = ['10.244.0.0/24', 'fd00:10:244::/64'];

/**
 * An echo of datagrams on these ports of these addresses. As a portal does, it answers from the address that it was asked
 * at: each address has a socket of its own.
 */
const ECHO = `
const { createSocket } = require('node:dgram');
const [addresses, ports] = process.argv.slice(1).map((list) => list.split(','));
let closed = addresses.length * ports.length;
for (const address of addresses) for (const port of ports) {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  socket.on('message', (text, from) => socket.send('node heard ' + text, from.port, from.address));
  socket.bind(Number(port), address, () => --closed === 0 && console.log('listening'));
}
process.stdin.resume().on('end', () => process.exit(0));
`;

/** A network whose node is steered with nftables by the spec itself. */
export class NftablesNode {
  readonly commands: NetnsCommands;

  private constructor(
    readonly network: NodeNetwork,
    private readonly echo: ChildProcess,
  ) {
    this.commands = new NetnsCommands(network.node.namespace.name);
  }

  static async create(): Promise<NftablesNode> {
    const network = await NodeNetwork.create();
    try {
      const ports = Object.values(PORTALS);
      for (const port of ports) await network.node.serveHttp(port);
      return new NftablesNode(network, await echoOn(network, ports));
    } catch (error) {
      await network.delete();
      throw error;
    }
  }

  /** Steering that knows nothing of the kernel yet, as after a start. */
  rules(place: Partial<SteeringPlace> = {}): NftablesRules {
    const ofNode = aPlace({
      nodeAddress: (family) => NODE.outside[family],
      localAddresses: (family) => [
        family === 'IPv4' ? '127.0.0.1' : '::1',
        NODE.pods[family],
        NODE.outside[family],
        NODE.other[family],
      ],
      clusterCIDRs: PODS,
      ...place,
    });
    return new NftablesRules({ runner: this.commands, place: ofNode, program: 'nft' });
  }

  /** Runs `nft` on the node, with this on its standard input where it is given. */
  nft(args: readonly string[], input = ''): Promise<string> {
    return this.network.node.namespace.output(['nft', ...args], { input });
  }

  /** Nobody's rules are left, and no connection is remembered. */
  async clear(): Promise<void> {
    await this.nft(['flush', 'ruleset']);
    await this.network.node.namespace.run(['conntrack', '-F']);
    this.commands.forget();
  }

  async delete(): Promise<void> {
    const ended = once(this.echo, 'close');
    this.echo.stdin?.end();
    await within('the echo ends', ended);
    await this.network.delete();
  }
}

async function echoOn({ node }: NodeNetwork, ports: readonly number[]): Promise<ChildProcess> {
  const [program = '', ...args] = node.namespace.through;
  const addresses = Object.values(NODE.outside).join(',');
  const echo = spawn(program, [...args, process.execPath, '-e', ECHO, addresses, ports.join(',')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  try {
    await within('the echo listens', once(echo.stdout, 'data'));
    return echo;
  } catch (error) {
    echo.kill('SIGKILL');
    throw error;
  }
}

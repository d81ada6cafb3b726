import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Command, CommandRunner } from '../../../src/host/command-runner.js';
import { SpawnedCommands } from '../../../src/host/spawned-commands.js';
import { ConntrackFlows } from '../../../src/steering/flows/conntrack-flows.js';
import { NOTHING_STEERED, type Redirect, type SteeringState } from '../../../src/steering/steering.js';
import { Machine } from '../../support/network/machine.js';
import { deleteOrphanedNamespaces } from '../../support/network/network-namespace.js';
import { missingFor } from '../../support/network/requirements.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { aRedirect, steeringState } from '../../support/steering-values.js';

const missing = missingFor('iptables-nft');

/** One node, with Services of both families. Nothing listens on the old portal. */
const FAMILIES = [
  {
    family: 'IPv4',
    iptables: 'iptables-nft',
    node: '172.30.0.1',
    service: '10.96.0.10',
    other: '10.96.0.99',
  },
  {
    family: 'IPv6',
    iptables: 'ip6tables-nft',
    node: 'fd00:30::1',
    service: 'fd00:96::10',
    other: 'fd00:96::99',
  },
] as const;
const OLD_PORTAL = 40_001;
const NEW_PORTAL = 40_002;
const REFUSED = 'ECONNREFUSED';

describe.skipIf(missing !== '')(`UDP flows in the kernel${missing}`, () => {
  let node: Machine;
  const logger = new RecordingLogger();

  beforeAll(async () => {
    await deleteOrphanedNamespaces();
    node = await Machine.create('flows');
    await node.namespace.ipBatch(
      // What is sent out by it is lost at the other end: nobody asks for the addresses of neighbours.
      'link add eth0 type veth peer name lost',
      'link set lost up',
      'link set eth0 arp off up',
      'addr add 172.30.0.1/24 dev eth0',
      'addr add fd00:30::1/64 dev eth0 nodad',
      'route add default dev eth0',
      'route add ::/0 dev eth0',
    );
    await node.serveUdp(NEW_PORTAL);
  }, 30_000);
  afterAll(() => node?.delete());

  /** Commands of the node. */
  const runner: CommandRunner = {
    run({ program, args, ...rest }: Command) {
      const [through = '', ...words] = node.namespace.through;
      return new SpawnedCommands().run({ program: through, args: [...words, program, ...args], ...rest });
    },
  };

  const localAddresses = () => ['127.0.0.1', '172.30.0.1', '::1', 'fd00:30::1'];

  function conntrackFlows(): ConntrackFlows {
    return new ConntrackFlows({ runner, find: (name) => name, logger, localAddresses });
  }

  describe.each(FAMILIES)('over $family', ({ family, iptables, node: address, service, other }) => {
    beforeEach(async () => {
      await node.namespace.run([iptables, '-t', 'nat', '-F', 'OUTPUT']);
      await node.namespace.run(['conntrack', '-F']);
      logger.lines.length = 0;
    });

    function stateWith(port: number, changes: Partial<Redirect> = {}): SteeringState {
      const portal = { address: '::', port };
      return steeringState(
        aRedirect({ protocol: 'UDP', family, address: service, port: 53, portal, ...changes }),
      );
    }

    /** The one rule, from now on. */
    async function steer(destination: string, portal: number, port = 53): Promise<void> {
      await node.namespace.output([iptables, '-t', 'nat', '-F', 'OUTPUT']);
      const to = address.includes(':') ? `[${address}]:${portal}` : `${address}:${portal}`;
      const match = ['-d', destination, '-p', 'udp', '--dport', String(port)];
      await node.namespace.output([
        iptables,
        '-t',
        'nat',
        '-A',
        'OUTPUT',
        ...match,
        '-j',
        'DNAT',
        '--to',
        to,
      ]);
    }

    it('go to the new portal once they are removed, and not before', async () => {
      await steer(service, OLD_PORTAL);
      const client = await node.dial({ address: service, port: 53 });
      expect((await client.ask('one')).outcome).toBe(REFUSED);
      await steer(service, NEW_PORTAL);
      expect((await client.ask('two')).outcome).toBe(REFUSED);
      await conntrackFlows().update(stateWith(OLD_PORTAL), stateWith(NEW_PORTAL));
      expect((await client.ask('three')).outcome).toBe('flows heard three');
    });

    it('that are from before the rule go to the portal once they are removed', async () => {
      // Without any rule that translates, the kernel keeps track of nothing (`nf_ct_netns_get`).
      await steer(other, OLD_PORTAL);
      const client = await node.dial({ address: service, port: 53 });
      expect((await client.ask('one', 50)).outcome).toBe('no answer');
      await steer(service, NEW_PORTAL);
      expect((await client.ask('two', 50)).outcome).toBe('no answer');
      await conntrackFlows().update(NOTHING_STEERED, stateWith(NEW_PORTAL));
      expect((await client.ask('three')).outcome).toBe('flows heard three');
    });

    it('of a NodePort are known by the addresses of the node', async () => {
      const nodePort = { kind: 'NodePort', address: null, port: 30_053 } as const;
      await steer(address, OLD_PORTAL, 30_053);
      const client = await node.dial({ address, port: 30_053 });
      expect((await client.ask('one')).outcome).toBe(REFUSED);
      await steer(address, NEW_PORTAL, 30_053);
      await conntrackFlows().update(null, stateWith(NEW_PORTAL, nodePort));
      expect((await client.ask('two')).outcome).toBe('flows heard two');
    });

    it('that go where they should, straight to a portal, or are of others, are not touched', async () => {
      await steer(service, NEW_PORTAL);
      for (const place of [
        { address: service, port: 53 },
        { address, port: NEW_PORTAL },
        { address: other, port: 53 },
      ])
        await (await node.dial(place)).ask('hello', 50);
      const before = await flowsOf(family);
      expect(before).toHaveLength(3);
      await conntrackFlows().update(null, stateWith(NEW_PORTAL));
      expect(await flowsOf(family)).toEqual(before);
      expect(logger.lines).toEqual([]);
    });

    it('that are many are all removed, with one command', async () => {
      await steer(service, OLD_PORTAL);
      for (let n = 0; n < 40; n += 1) await (await node.dial({ address: service, port: 53 })).ask('hello');
      expect(await flowsOf(family)).toHaveLength(40);
      await conntrackFlows().update(stateWith(OLD_PORTAL), stateWith(NEW_PORTAL));
      expect(await flowsOf(family)).toEqual([]);
      expect(logger.lines).toEqual([
        { level: 2, message: 'stale UDP flows removed', fields: { flows: 40, commands: 1 } },
      ]);
    });
  });

  /** What identifies each flow, sorted. */
  async function flowsOf(family: 'IPv4' | 'IPv6'): Promise<string[]> {
    const dump = await node.namespace.output(['conntrack', '-L', '-p', 'udp', '-f', family.toLowerCase()]);
    return dump
      .split('\n')
      .filter((line) => line.includes('src='))
      .map((line) => [...line.matchAll(/\b(?:src|dst|sport|dport)=\S+/g)].join(' '))
      .sort();
  }

  it('are told of, and nothing is thrown, where conntrack is not allowed to see them', async () => {
    const powerless: CommandRunner = {
      run: ({ program, args }) =>
        runner.run({
          program: 'setpriv',
          args: ['--bounding-set=-all', '--inh-caps=-all', program, ...args],
        }),
    };
    const flows = new ConntrackFlows({ runner: powerless, find: (name) => name, logger, localAddresses });
    logger.lines.length = 0;
    await flows.update(NOTHING_STEERED, steeringState(aRedirect({ protocol: 'UDP' })));
    await flows.update(NOTHING_STEERED, NOTHING_STEERED);
    expect(logger.messages('warn')).toEqual([
      expect.stringMatching(/^FLOWS_NOT_REMOVED: .*conntrack -L: .+/),
    ]);
  });
});

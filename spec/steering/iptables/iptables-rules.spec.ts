import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { IptablesRules } from '../../../src/steering/iptables/iptables-rules.js';
import type { SteeringState } from '../../../src/steering/steering.js';
import { NetnsCommands } from '../../support/netns-commands.js';
import { NetworkNamespace } from '../../support/network/network-namespace.js';
import { missingFor } from '../../support/network/requirements.js';
import { aPlace, aRedirect, steeringState } from '../../support/steering-values.js';

/** Remembers how often rules were written and read. */
class CountedCommands extends NetnsCommands {
  /** Since the last time this was asked. */
  takeCounts(): { writes: number; reads: number } {
    const [writes, reads] = [/-restore /, /-save( |$)/].map(
      (program) => this.lines.filter((line) => program.test(line)).length,
    );
    this.forget();
    return { writes: writes ?? 0, reads: reads ?? 0 };
  }
}

const FOREIGN = `*nat
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A DOCKER -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
COMMIT
*filter
:FOREIGN - [0:0]
-A INPUT -j FOREIGN
-A FOREIGN -p tcp -m tcp --dport 22 -j ACCEPT
COMMIT
`;

const web = aRedirect();
const dns = aRedirect({
  servicePort: 'kube-system/kube-dns:dns',
  protocol: 'UDP',
  address: '10.96.0.10',
  port: 53,
  portal: { address: '0.0.0.0', port: 40_020 },
});
const nodePort = aRedirect({ kind: 'NodePort', port: 30_080 });
const web6 = aRedirect({ address: 'fd00:10:96::1', portal: { address: '::', port: 40_001 } });
const dualStack: SteeringState = {
  ...steeringState(web, nodePort, dns, web6),
  portals: [
    { protocol: 'TCP', address: '::', port: 40_001 },
    { protocol: 'UDP', address: '0.0.0.0', port: 40_020 },
  ],
};

for (const variant of ['legacy', 'nft'] as const) {
  const missing = missingFor(`iptables-${variant}`);
  describe.skipIf(missing !== '')(`the rules of iptables in the kernel, variant ${variant}${missing}`, () => {
    let namespace: NetworkNamespace;
    let commands: CountedCommands;
    let rules: IptablesRules;

    const programOf = (name: string): string => `/usr/sbin/${name.replace(/^(ip6?tables)/, `$1-${variant}`)}`;
    const find = (name: string): string | null =>
      /^ip6?tables(-save|-restore)?$/.test(name) ? programOf(name) : null;
    /** Of /proc/net a process sees its own namespace. */
    const readText = (path: string): string => {
      const [program = '', ...through] = namespace.through;
      return execFileSync(program, [...through, 'cat', path], { encoding: 'utf8', stdio: 'pipe' });
    };
    const rulesOfAnotherRun = () => new IptablesRules({ runner: commands, find, readText }, aPlace());
    const saved = async (program = 'iptables'): Promise<string[]> =>
      (await namespace.output([programOf(`${program}-save`)]))
        .split('\n')
        .filter((line) => /^[*:-]/.test(line));
    const restore = (input: string): Promise<string> =>
      namespace.output([programOf('iptables-restore'), '--noflush'], { input });
    const iptables = (...args: readonly string[]): Promise<string> =>
      namespace.output([programOf('iptables'), ...args]);
    const foreignOf = (lines: readonly string[]): string[] => lines.filter((line) => !line.includes('KUBE-'));

    beforeEach(async () => {
      namespace = await NetworkNamespace.create(`rules-${variant}`);
      commands = new CountedCommands(namespace.name);
      rules = rulesOfAnotherRun();
    });

    afterEach(async () => {
      await namespace.delete();
    });

    it('are written in one transaction a family, and need no command but the check where they are right', async () => {
      await restore(FOREIGN);
      const foreign = foreignOf(await saved());
      await rules.whyNot('IPv4');
      commands.takeCounts();
      await rules.write(steeringState(web, nodePort, dns), 'everything');
      expect(commands.takeCounts().writes).toBe(1);
      const lines = await saved();
      expect(lines).toContain(
        '-A KUBE-PORTALS-CONTAINER -d 10.96.0.10/32 -p udp -m comment --comment "kube-system/kube-dns:dns" -m udp --dport 53 -j REDIRECT --to-ports 40020',
      );
      expect(lines).toContain(
        '-A KUBE-PORTALS-GUARD -p tcp -m multiport --dports 40001 -j KUBE-PORTALS-REFUSED',
      );
      expect(foreignOf(lines)).toEqual(foreign);
      commands.takeCounts();
      await rules.write(steeringState(web, nodePort, dns), 'everything');
      expect(commands.takeCounts()).toEqual({ writes: 0, reads: variant === 'nft' ? 1 : 2 });
      await rules.write(steeringState(web, nodePort, dns), 'changes');
      expect(commands.lines).toEqual([]);
      expect(await saved()).toEqual(lines);
    });

    it('are told of each redirect as the kernel has them, and of none that was not written', async () => {
      expect(rules.rulesOf(web)).toEqual([]);
      await rules.write(steeringState(web, nodePort, web6), 'everything');
      for (const [program, redirect] of [
        ['iptables', web],
        ['iptables', nodePort],
        ['ip6tables', web6],
      ] as const) {
        const { address } = redirect;
        const ofRedirect = (line: string): boolean =>
          line.includes('default/web:http') &&
          (address === null ? line.includes('NODEPORT') : line.includes(`${address}/`));
        const inKernel = (await saved(program)).filter(ofRedirect);
        expect(inKernel.length).toBeGreaterThan(1);
        const told = rules.rulesOf(redirect);
        expect(told.map((rule) => rule.replace(/^.* -A/, '-A')).toSorted()).toEqual(inKernel.toSorted());
        for (const rule of told) expect(rule).toMatch(new RegExp(`^${program} -t (nat|filter) -A KUBE-`));
      }
      expect(rules.rulesOf(web)[0]).toMatch(
        /^iptables -t nat -A KUBE-PORTALS-CONTAINER -d 10\.96\.0\.1\/32 /,
      );
      expect(rules.rulesOf(dns)).toEqual([]);
    });

    it('are counted by table as iptables-save counts them, of both families', async () => {
      expect(rules.ruleCounts()).toEqual(new Map());
      const expectCounts = async () => {
        const ours = [...(await saved()), ...(await saved('ip6tables'))].filter((line) =>
          / KUBE-/.test(line),
        );
        const count = ours.filter((line) => line.startsWith('-A')).length;
        const counts = rules.ruleCounts();
        expect([...counts.keys()]).toEqual(['filter', 'nat']);
        expect((counts.get('filter') ?? 0) + (counts.get('nat') ?? 0)).toBe(count);
      };
      await rules.write(steeringState(web, nodePort, web6), 'everything');
      await expectCounts();
      const before = rules.ruleCounts().get('nat') ?? 0;
      await rules.write(steeringState(web, nodePort), 'changes');
      await expectCounts();
      expect(rules.ruleCounts().get('nat')).toBeLessThan(before);
    });

    it('change by what changed, in one transaction', async () => {
      await rules.write(steeringState(web, nodePort, dns), 'everything');
      const before = await saved();
      commands.takeCounts();
      const moved = { ...dns, portal: { address: '0.0.0.0', port: 40_099 } };
      await rules.write(steeringState(web, nodePort, moved), 'changes');
      expect(commands.takeCounts()).toEqual({ writes: 1, reads: 0 });
      const expected = before.map((line) => line.replaceAll('40020', '40099'));
      expect((await saved()).toSorted()).toEqual(expected.toSorted());
    });

    it('are those of an earlier run after a restart: what is right is left, what is stale goes', async () => {
      await rules.write(steeringState(web, nodePort, dns), 'everything');
      const again = rulesOfAnotherRun();
      await again.whyNot('IPv4');
      commands.takeCounts();
      await again.write(steeringState(web, nodePort), 'everything');
      expect(commands.takeCounts().writes).toBe(1);
      const lines = await saved();
      expect(lines.filter((line) => line.includes('kube-dns') || line.includes('40020'))).toEqual([]);
      expect(lines.filter((line) => line.includes('default/web'))).toHaveLength(5);
    });

    it.each([
      ['a chain was flushed', ['-t', 'nat', '-F', 'KUBE-PORTALS-CONTAINER']],
      ['a table was flushed', ['-t', 'nat', '-F']],
      ['a jump was deleted', ['-t', 'filter', '-D', 'INPUT', '1']],
      ['a rule was added to a chain of ours', ['-t', 'nat', '-A', 'KUBE-PORTALS-HOST', '-j', 'RETURN']],
      [
        'a rule of ours is there twice',
        ['-t', 'filter', '-A', 'KUBE-PORTALS-REFUSED', '-p', 'udp', '-j', 'DROP'],
      ],
    ])('come back when %s', async (_, flush) => {
      const state = steeringState(web, nodePort, dns);
      await rules.write(state, 'everything');
      const lines = await saved();
      await iptables(...flush);
      expect(await saved()).not.toEqual(lines);
      await rules.write(state, 'everything');
      expect((await saved()).toSorted()).toEqual(lines.toSorted());
      commands.takeCounts();
      await rules.write(state, 'everything');
      expect(commands.takeCounts().writes).toBe(0);
    });

    it('go back in place when somebody moved a jump behind a rule of theirs, and stay behind a new one', async () => {
      await restore(FOREIGN);
      const state = steeringState(web);
      await rules.write(state, 'everything');
      const lines = await saved();
      const prerouting = lines.filter((line) => line.startsWith('-A PREROUTING'));
      expect(prerouting.map((line) => / -j (\S+)$/.exec(line)?.[1])).toEqual([
        'KUBE-PORTALS-CONTAINER',
        'DOCKER',
        'KUBE-NODEPORT-CONTAINER',
      ]);
      const jump = (prerouting[0] ?? '').slice('-A PREROUTING '.length);
      await restore(`*nat\n-D PREROUTING ${jump}\n-A PREROUTING ${jump}\nCOMMIT\n`);
      await rules.write(state, 'everything');
      expect(await saved()).toEqual(lines);
      await restore('*nat\n-I PREROUTING 1 -p icmp -j ACCEPT\nCOMMIT\n');
      commands.takeCounts();
      await rules.write(state, 'everything');
      expect(commands.takeCounts().writes).toBe(0);
    });

    it('are repaired by one change alone where somebody flushed everything meanwhile', async () => {
      await rules.write(steeringState(web, nodePort, dns), 'everything');
      await iptables('-t', 'nat', '-F');
      await iptables('-t', 'nat', '-X');
      await rules.write(steeringState(web, nodePort), 'changes');
      expect((await saved()).filter((line) => line.includes('default/web'))).toHaveLength(5);
    });

    it('are divided into leaves where there are many, and put together where there are few again', async () => {
      const many = Array.from({ length: 1_200 }, (_, index) =>
        aRedirect({ servicePort: `default/s${index}:http`, address: `10.97.${index >> 8}.${index & 255}` }),
      );
      const state = steeringState(web, ...many);
      await rules.write(state, 'everything');
      const lines = await saved();
      expect(lines.filter((line) => line.startsWith('-A KUBE-PORTALS-HOST '))).toHaveLength(64);
      expect(lines.filter((line) => line.startsWith('-A KUBE-PORTALS-HOST-05 '))).toHaveLength(19);
      commands.takeCounts();
      await rules.write(state, 'everything');
      expect(commands.takeCounts().writes).toBe(0);
      expect(await rules.past()).toHaveLength(1_201);
      await rules.write(steeringState(web), 'changes');
      expect(commands.takeCounts().writes).toBe(1);
      const few = await saved();
      expect(few.filter((line) => /^:KUBE-PORTALS-HOST-/.test(line))).toEqual([]);
      expect(few.filter((line) => line.startsWith('-A KUBE-PORTALS-HOST'))).toHaveLength(1);
      await rules.write(state, 'changes');
      await rules.remove();
      expect((await saved()).filter((line) => line.includes('KUBE-'))).toEqual([]);
    });

    it('bring a connection to its portal, in leaves or not', async () => {
      await namespace.ipBatch(
        'link add eth0 type veth peer name far0',
        'link set far0 up',
        'addr add 172.30.0.1/24 dev eth0',
        'link set eth0 up',
        'route add default via 172.30.0.254',
      );
      const others = Array.from({ length: 1_200 }, (_, index) =>
        aRedirect({ servicePort: `default/s${index}:http`, address: `10.97.${index >> 8}.${index & 255}` }),
      );
      // Whoever answers is the listener on the port of the portal: it says so.
      const portal =
        'require("net").createServer((c)=>c.end("portal")).listen(40001,"0.0.0.0",()=>console.log(1))';
      const client =
        'require("net").connect(80,process.argv[1]).on("data",(d)=>process.stdout.write(d)).on("error",(e)=>{process.stdout.write(e.code)})';
      const [program = '', ...through] = namespace.through;
      const listener = spawn(program, [...through, process.execPath, '-e', portal]);
      const ended = once(listener, 'exit');
      try {
        await once(listener.stdout, 'data');
        const ask = (address: string) => namespace.output([process.execPath, '-e', client, address]);
        await rules.write(steeringState(web), 'everything');
        expect(await ask('10.96.0.1')).toBe('portal');
        await rules.write(steeringState(web, ...others), 'changes');
        expect(await ask('10.96.0.1')).toBe('portal');
        expect(await ask('10.97.4.7')).toBe('portal');
      } finally {
        listener.kill('SIGKILL');
        await ended;
      }
    });

    it('are made for IPv6 only where something is steered there, and leave with it', async () => {
      await rules.write(steeringState(web), 'everything');
      expect(commands.lines.filter((line) => line.includes('ip6tables') && line.includes('restore'))).toEqual(
        [],
      );
      await rules.write(dualStack, 'changes');
      const lines = await saved('ip6tables');
      expect(lines).toContain(
        '-A KUBE-PORTALS-HOST -d fd00:10:96::1/128 -p tcp -m comment --comment "default/web:http" -m tcp --dport 80 -j DNAT --to-destination [fd00:30::1]:40001',
      );
      expect(lines).toContain(
        '-A KUBE-PORTALS-GUARD -p tcp -m multiport --dports 40001 -j KUBE-PORTALS-REFUSED',
      );
      await rules.write(steeringState(web), 'changes');
      expect((await saved('ip6tables')).filter((line) => line.includes('default/web'))).toEqual([]);
    });

    it('are removed, every one, and nothing else', async () => {
      await restore(FOREIGN);
      const foreign = (await saved()).toSorted();
      await rules.write(dualStack, 'everything');
      const other = rulesOfAnotherRun();
      await other.remove();
      expect((await saved()).toSorted()).toEqual(foreign);
      expect((await saved('ip6tables')).filter((line) => line.includes('KUBE-'))).toEqual([]);
      commands.takeCounts();
      await other.remove();
      expect(commands.takeCounts().writes).toBe(0);
    });

    it('keep a chain that somebody jumps to from a chain of theirs, empty', async () => {
      await restore(FOREIGN);
      await rules.write(steeringState(web), 'everything');
      await restore('*nat\n-A DOCKER -j KUBE-PORTALS-HOST\nCOMMIT\n');
      await rules.remove();
      const left = (await saved()).filter((line) => line.includes('KUBE-'));
      expect(left).toEqual([':KUBE-PORTALS-HOST - [0:0]', '-A DOCKER -j KUBE-PORTALS-HOST']);
    });

    it('tell in the words of iptables what could not be written, and leave what was there', async () => {
      await rules.write(steeringState(web), 'everything');
      const lines = await saved();
      const wrong = aRedirect({ servicePort: 'default/other', address: '10.96.0.300' });
      const writing = rules.write(steeringState(web, wrong), 'changes');
      await expect(writing).rejects.toMatchObject({ code: 'STEERING_FAILED' });
      await expect(writing).rejects.toThrow(/10\.96\.0\.300/);
      expect(await saved()).toEqual(lines);
      await rules.write(steeringState(web, nodePort), 'changes');
      expect((await saved()).filter((line) => line.includes('dport 30080'))).toHaveLength(2);
    });

    it('take over what a real kube-proxy left in the same chains', async () => {
      await restore(
        '*nat\n:KUBE-PORTALS-HOST - [0:0]\n-A OUTPUT -m comment --comment "handle ClusterIPs; NOTE: this must be before the NodePort rules" -j KUBE-PORTALS-HOST\n-A KUBE-PORTALS-HOST -d 10.96.0.9/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 172.30.0.1:40000\nCOMMIT\n',
      );
      await rules.write(steeringState(web), 'everything');
      expect((await saved()).filter((line) => line.startsWith('-A KUBE-PORTALS-HOST'))).toEqual([
        '-A KUBE-PORTALS-HOST -d 10.96.0.1/32 -p tcp -m comment --comment "default/web:http" -m tcp --dport 80 -j DNAT --to-destination 172.30.0.1:40001',
      ]);
    });
  });
}

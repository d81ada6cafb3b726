import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { eventually, within } from '../support/deadline.js';
import { onEveryFilter } from '../support/network/on-every-filter.js';
import { SOON } from '../support/network/polling.js';
import {
  ALL_PODS,
  DUAL_STACK,
  dualStackService,
  RECORDED_OBJECTS,
  serviceOfPods,
} from '../support/network/service-manifests.js';
import { SYNC_PERIOD_MS } from '../support/network/steered-node.js';

const PODS = ['pod-11', 'pod-12', 'pod-13'];

/** As much as a busy machine takes for one of them, ms. */
const REPAIR_MS = 10_000;

/** The next look at the rules, and the time that it takes on a busy machine. */
const AFTER_A_SYNC = { ...SOON, timeout: SYNC_PERIOD_MS + SOON.timeout };

/** What was done to the rules, in words and in shell commands. */
type Damage = readonly [string, string];

/** The jump that matches, put at another place of its chain, as it is: the last one where no place is given. */
const moveTo = (program: string, table: string, jump: string, place?: number) => `
rule=$(${program}-save -t ${table} | sed -n 's/^-A //p' | grep -- '${jump}')
eval "${program} -t ${table} -D $rule"
eval "${program} -t ${table} ${place === undefined ? '-A $rule' : `-I \${rule%% *} ${place} \${rule#* }`}"`;

const OF_IPTABLES: readonly Damage[] = [
  ['the chain of ClusterIPs is flushed', 'iptables -t nat -F KUBE-PORTALS-CONTAINER'],
  ['PREROUTING is flushed', 'iptables -t nat -F PREROUTING'],
  ['a jump is deleted', 'iptables -t nat -D PREROUTING 1'],
  ['a jump is moved', moveTo('iptables', 'nat', '^PREROUTING .*-j KUBE-PORTALS-CONTAINER')],
  ['a jump is moved, IPv6', moveTo('ip6tables', 'nat', '^OUTPUT .*-j KUBE-PORTALS-HOST')],
  ['a rule of a chain is deleted', 'iptables -t nat -D KUBE-NODEPORT-CONTAINER 1'],
  ['a chain has a rule of somebody else', 'iptables -t nat -I KUBE-PORTALS-CONTAINER 1 -j RETURN'],
  ['what guards the portals is flushed', 'iptables -F INPUT; ip6tables -F INPUT'],
  ['everything is flushed', 'iptables -t nat -F; iptables -F; ip6tables -t nat -F; ip6tables -F'],
  [
    'everything is flushed and every chain deleted',
    'for t in nat filter; do for p in iptables ip6tables; do $p -t $t -F; $p -t $t -X; done; done',
  ],
];

/** Does it to each table of ours: there is one for each family. */
const toOurTables = (action: string) =>
  `nft list tables | grep ' kube-splice' | while read -r table; do nft ${action} $table; done`;

const OF_NFTABLES: readonly Damage[] = [
  ['the ruleset is flushed', 'nft flush ruleset'],
  ['the tables are deleted', toOurTables('delete')],
  ['a table is deleted', 'nft delete table ip6 kube-splice'],
  ['the chains of the tables are flushed', toOurTables('flush')],
  [
    'a map is flushed',
    'nft flush map ip kube-splice "$(nft list maps ip | sed -n \'s/^\\tmap \\(.*\\) {/\\1/p\' | head -n 1)"',
  ],
];

onEveryFilter('rules that somebody touched', (steered, filterName) => {
  const damages = filterName === 'nftables' ? OF_NFTABLES : OF_IPTABLES;

  it(
    'are back within --iptables-sync-period, whatever was done to them',
    async () => {
      const { filter, network } = steered();
      const program = await steered().start([RECORDED_OBJECTS, dualStackService()]);
      const before = await filter.rules();
      for (const [damage, commands] of damages) {
        // It stands still meanwhile, so that it is seen that there is something to repair.
        program.program.signal('SIGSTOP');
        await filter.shell(commands);
        expect(await filter.rules(), damage).not.toEqual(before);
        program.program.signal('SIGCONT');
        await expect.poll(() => filter.rules(), { ...AFTER_A_SYNC, message: damage }).toEqual(before);
        for (const address of Object.values(DUAL_STACK.clusterIPs)) {
          expect(PODS, damage).toContain(await network.pods[0].curl({ address, port: 80 }));
          expect(await network.node.askUdp({ address, port: 7000 }), damage).toContain('heard hello');
        }
        expect(await program.healthCode(), damage).toBe(200);
      }
    },
    damages.length * REPAIR_MS,
  );
});

onEveryFilter(
  'a jump that somebody moved behind a rule of theirs',
  (steered) => {
    it('is put back before it, and what they put before it later stays there', async () => {
      const { filter } = steered();
      const theirs = 'PREROUTING -d 192.0.2.1/32 -j ACCEPT';
      await filter.shell(`iptables -t nat -A ${theirs}`);
      await steered().start([dualStackService()]);
      const order = async () =>
        (await filter.rules())
          .filter((rule) => rule.startsWith('iptables-save nat -A PREROUTING'))
          .map((rule) => /-j (\S+)/.exec(rule)?.[1]);
      const asMade = ['KUBE-PORTALS-CONTAINER', 'ACCEPT', 'KUBE-NODEPORT-CONTAINER'];
      expect(await order()).toEqual(asMade);
      await filter.shell(moveTo('iptables', 'nat', '^PREROUTING .*-j KUBE-PORTALS-CONTAINER', 2));
      await expect.poll(order, AFTER_A_SYNC).toEqual(asMade);
      await filter.shell('iptables -t nat -I PREROUTING 1 -d 192.0.2.2/32 -j RETURN');
      await filter.shell('iptables -t nat -F KUBE-PORTALS-CONTAINER');
      const text = async () => (await filter.rules()).join();
      await expect.poll(text, AFTER_A_SYNC).toContain(DUAL_STACK.clusterIPs.IPv4);
      expect(await order()).toEqual(['RETURN', ...asMade]);
    });
  },
  ['iptables-legacy', 'iptables-nft'],
);

/** Whether a process waits for the lock of this file (proc_locks(5): its line has an arrow). */
function isWaitedFor(path: string): boolean {
  const { ino } = statSync(path);
  return new RegExp(`-> FLOCK .*:${ino} `).test(readFileSync('/proc/locks', 'utf8'));
}

/** Holds the lock until its standard input ends. */
async function holdLock(path: string): Promise<ChildProcess> {
  const holder = spawn('flock', ['--exclusive', path, '/bin/sh', '-c', 'echo held; exec cat']);
  onTestFinished(() => void holder.kill('SIGKILL'));
  await within('the lock', once(holder.stdout, 'data'));
  return holder;
}

onEveryFilter(
  'another program that holds the xtables lock',
  (steered) => {
    it('is waited for: old rules stand meanwhile, and new ones come when it lets go', async () => {
      const { filter, network } = steered();
      const late = serviceOfPods('late', { spec: { clusterIP: '10.96.60.1' }, endpoints: ALL_PODS });
      const program = await steered().start([dualStackService()]);
      const before = await filter.rules();
      const lock = join(network.runDirectory, 'xtables.lock');
      const holder = await holdLock(lock);
      program.declare(dualStackService(), late);
      await eventually(() => expect(isWaitedFor(lock)).toBe(true));
      expect(await filter.rules()).toEqual(before);
      const { pods } = network;
      const address = DUAL_STACK.clusterIPs.IPv4;
      expect(PODS).toContain(await pods[0].curl({ address, port: 80 }));
      expect(PODS).toContain(await network.outside.curl({ address, port: 80 }));
      holder.stdin?.end();
      await expect
        .poll(() => pods[0].curl({ address: '10.96.60.1', port: 80 }), AFTER_A_SYNC)
        .toMatch(/^pod-/);
      await expect.poll(() => program.healthCode(), SOON).toBe(200);
    });
  },
  // iptables-nft takes no lock: nftables has transactions.
  ['iptables-legacy'],
);

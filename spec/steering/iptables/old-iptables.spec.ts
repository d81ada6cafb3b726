import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { programSearch } from '../../../src/host/program-search.js';
import { IptablesRules } from '../../../src/steering/iptables/iptables-rules.js';
import { type OldIptables, writeOldIptables } from '../../support/iptables/old-iptables.js';
import { NetnsCommands } from '../../support/netns-commands.js';
import { NetworkNamespace } from '../../support/network/network-namespace.js';
import { missingFor } from '../../support/network/requirements.js';
import { aPlace, aRedirect, steeringState } from '../../support/steering-values.js';

const web = aRedirect();
const limited = aRedirect({
  kind: 'LoadBalancer',
  address: '198.51.100.7',
  sourceRanges: ['203.0.113.0/24'],
});
const local = aRedirect({
  kind: 'ExternalIP',
  address: '198.51.100.8',
  portal: { address: '0.0.0.0', port: 40_002 },
  fromNode: { portal: { address: '0.0.0.0', port: 40_001 }, verdict: 'redirect' },
});
const nodePort = aRedirect({ kind: 'NodePort', port: 30_080 });
const empty = aRedirect({ servicePort: 'default/empty', address: '10.96.0.9', verdict: 'reject' });
const state = steeringState(web, limited, local, nodePort, empty);

const missing = missingFor('iptables-legacy');

describe.skipIf(missing !== '')(`iptables of long ago${missing}`, () => {
  let namespace: NetworkNamespace;
  let directory: string;
  let commands: NetnsCommands;

  beforeEach(async () => {
    namespace = await NetworkNamespace.create('old');
    directory = mkdtempSync(join(tmpdir(), 'kube-splice-old-'));
    commands = new NetnsCommands(namespace.name);
  });

  afterEach(async () => {
    rmSync(directory, { recursive: true, force: true });
    await namespace.delete();
  });

  /** Steering that finds these old programs and no others, with what takes locks. */
  function steeringWith(old: OldIptables): IptablesRules {
    writeOldIptables(directory, old);
    const everywhere = programSearch('/usr/bin:/bin');
    const find = (name: string): string | null =>
      /^ip6?tables(-save|-restore)?$/.test(name)
        ? join(directory, name)
        : /^ip6?tables/.test(name)
          ? null
          : everywhere(name);
    const readText = (path: string): string => {
      const [program = '', ...through] = namespace.through;
      return execFileSync(program, [...through, 'cat', path], { encoding: 'utf8', stdio: 'pipe' });
    };
    return new IptablesRules(
      { runner: commands, find, readText },
      aPlace({ clusterCIDRs: ['10.244.0.0/16'] }),
    );
  }

  const saved = async (): Promise<string[]> =>
    (await namespace.output(['/usr/sbin/iptables-legacy-save']))
      .split('\n')
      .filter((line) => line.startsWith('-A'));

  /** What iptables of today prints of the same rules. */
  async function rulesOfToday(): Promise<string[]> {
    const today = await NetworkNamespace.create('today');
    try {
      const find = (name: string): string | null =>
        /^ip6?tables(-save|-restore)?$/.test(name)
          ? `/usr/sbin/${name.replace(/^(ip6?tables)/, '$1-legacy')}`
          : null;
      const runner = new NetnsCommands(today.name);
      await new IptablesRules({ runner, find }, aPlace({ clusterCIDRs: ['10.244.0.0/16'] })).write(
        state,
        'everything',
      );
      const text = await today.output(['/usr/sbin/iptables-legacy-save']);
      return text.split('\n').filter((line) => line.startsWith('-A'));
    } finally {
      await today.delete();
    }
  }

  it.each(['1.3.5', '1.4.7', '1.4.21'] as const)(
    'of release %s writes the same rules as today, finds them right, and changes and removes them',
    async (release) => {
      const rules = steeringWith({ release, variant: 'legacy' });
      expect(await rules.whyNot('IPv4')).toBeNull();
      expect(rules.description).toBe(`iptables ${release} (legacy)`);
      await rules.write(state, 'everything');
      const lines = await saved();
      expect(lines.toSorted()).toEqual((await rulesOfToday()).toSorted());
      commands.forget();
      await rules.write(state, 'everything');
      expect(commands.commands.filter(({ input }) => input !== undefined)).toEqual([]);
      await rules.write(steeringState(web, nodePort), 'changes');
      expect(
        (await saved()).filter((line) => line.includes('198.51.100') || line.includes('default/empty')),
      ).toEqual([]);
      await rules.write(state, 'changes');
      expect((await saved()).toSorted()).toEqual(lines.toSorted());
      const again = steeringWith({ release, variant: 'legacy' });
      expect(await again.past()).toContainEqual({
        protocol: 'TCP',
        address: '10.96.0.1',
        port: 80,
        portalPort: 40_001,
      });
      await again.remove();
      expect((await saved()).filter((line) => line.includes('KUBE-'))).toEqual([]);
    },
  );

  it('without comments writes rules without them, and finds them right', async () => {
    const rules = steeringWith({ release: '1.4.7', variant: 'legacy', withoutMatches: ['comment'] });
    await rules.write(state, 'everything');
    expect(rules.description).toBe('iptables 1.4.7 (legacy), without comment');
    const lines = await saved();
    expect(lines.filter((line) => line.includes('comment'))).toEqual([]);
    expect(lines).toContain(
      '-A KUBE-PORTALS-CONTAINER -d 10.96.0.1/32 -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 40001',
    );
    commands.forget();
    await rules.write(state, 'everything');
    expect(commands.commands.filter(({ input }) => input !== undefined)).toEqual([]);
  });

  it.each([
    ['addrtype', '-A PREROUTING -d 172.30.0.1/32 '],
    ['multiport', '-A KUBE-PORTALS-GUARD -p tcp -m tcp --dport 40001 -j KUBE-PORTALS-REFUSED'],
    ['conntrack', '-A INPUT -m state --state NEW '],
    ['state', '-m conntrack --ctstate NEW -j ACCEPT'],
  ])('without %s does without', async (match, part) => {
    const rules = steeringWith({ release: '1.4.7', variant: 'legacy', withoutMatches: [match] });
    await rules.write(state, 'everything');
    expect(rules.description).toBe(`iptables 1.4.7 (legacy), without ${match}`);
    const lines = await saved();
    expect(lines.filter((line) => line.includes(part))).not.toEqual([]);
    expect(lines.filter((line) => line.includes(`-m ${match} `))).toEqual([]);
    commands.forget();
    await rules.write(state, 'everything');
    expect(commands.commands.filter(({ input }) => input !== undefined)).toEqual([]);
  });

  it('without a table nat for IPv6 says why IPv6 is not steered, and steers IPv4', async () => {
    const rules = steeringWith({ release: '1.4.7', variant: 'legacy', withoutIPv6Nat: true });
    expect(await rules.whyNot('IPv4')).toBeNull();
    expect(await rules.whyNot('IPv6')).toMatch(/unable to initialize table 'nat'/);
    await rules.write(steeringState(web), 'everything');
    expect(await saved()).not.toEqual([]);
  });
});

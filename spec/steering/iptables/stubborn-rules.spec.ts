import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { IptablesRules } from '../../../src/steering/iptables/iptables-rules.js';
import type { SteeringState } from '../../../src/steering/steering.js';
import { NetnsCommands } from '../../support/netns-commands.js';
import { NetworkNamespace } from '../../support/network/network-namespace.js';
import { missingFor } from '../../support/network/requirements.js';
import { aPlace, aRedirect, steeringState } from '../../support/steering-values.js';

const web = aRedirect();
const dns = aRedirect({ servicePort: 'kube-system/dns', address: '10.96.0.10', port: 53 });

for (const variant of ['legacy', 'nft'] as const) {
  const missing = missingFor(`iptables-${variant}`);
  describe.skipIf(missing !== '')(`rules that resist, variant ${variant}${missing}`, () => {
    let namespace: NetworkNamespace;
    let rules: IptablesRules;

    beforeEach(async () => {
      namespace = await NetworkNamespace.create(`stubborn-${variant}`);
      const find = (name: string): string | null =>
        /^ip6?tables/.test(name) && !/-(legacy|nft)/.test(name) ? programOf(name) : null;
      rules = new IptablesRules({ runner: new NetnsCommands(namespace.name), find }, aPlace());
    });

    afterEach(async () => {
      await namespace.delete();
    });

    const programOf = (name: string): string => `/usr/sbin/${name.replace(/^(ip6?tables)/, `$1-${variant}`)}`;
    const iptables = (...args: readonly string[]): Promise<string> =>
      namespace.output([programOf('iptables'), ...args]);
    const saved = async (): Promise<readonly string[]> =>
      (await namespace.output([programOf('iptables-save')])).split('\n').filter((line) => /^[:-]/.test(line));
    /** As a proxier does: what failed is tried again. */
    const writeTwice = async (state: SteeringState): Promise<void> => {
      await rules.write(state, 'everything').catch(() => undefined);
      await rules.write(state, 'everything');
    };

    it.each([
      ['recent', ['-m', 'recent', '--name', 'seen', '--set']],
      ['connlimit', ['-m', 'connlimit', '--connlimit-above', '3']],
    ])('are gone from a chain of ours where iptables cannot delete what it prints: %s', async (_, match) => {
      await rules.write(steeringState(web), 'everything');
      const right = await saved();
      await iptables('-A', 'KUBE-PORTALS-REJECT', ...match, '-j', 'RETURN');
      await writeTwice(steeringState(web));
      expect(await saved()).toEqual(right);
    });

    it('of others that lead to a chain which is not wanted any more keep it, empty', async () => {
      await rules.write(steeringState(web), 'everything');
      await iptables('-t', 'nat', '-N', 'KUBE-PORTALS-HOST-3F');
      await iptables('-t', 'nat', '-A', 'KUBE-PORTALS-HOST-3F', '-j', 'RETURN');
      await iptables('-t', 'nat', '-N', 'FOREIGN');
      await iptables('-t', 'nat', '-A', 'FOREIGN', '-j', 'KUBE-PORTALS-HOST-3F');
      await rules.write(steeringState(web, dns), 'everything');
      const lines = await saved();
      expect(lines.filter((line) => line.includes('HOST-3F'))).toEqual([
        ':KUBE-PORTALS-HOST-3F - [0:0]',
        '-A FOREIGN -j KUBE-PORTALS-HOST-3F',
      ]);
      expect(lines.filter((line) => line.includes('kube-system/dns'))).toHaveLength(2);
    });

    it('of others that lead there from where ours do go with it', async () => {
      await rules.write(steeringState(web), 'everything');
      const right = await saved();
      await iptables('-t', 'nat', '-N', 'KUBE-PORTALS-HOST-3F');
      await iptables('-t', 'nat', '-A', 'OUTPUT', '-j', 'KUBE-PORTALS-HOST-3F');
      await rules.write(steeringState(web), 'everything');
      expect((await saved()).toSorted()).toEqual(right.toSorted());
    });
  });
}

const missing = `${missingFor('iptables-nft')}${missingFor('nftables')}`;
describe.skipIf(missing !== '')(`a table that holds what only nft can write${missing}`, () => {
  let namespace: NetworkNamespace;

  beforeEach(async () => {
    namespace = await NetworkNamespace.create('incompatible');
  });

  afterEach(async () => {
    await namespace.delete();
  });

  const rulesHere = () => {
    const find = (name: string): string | null =>
      /^iptables(-save|-restore)?$/.test(name)
        ? `/usr/sbin/${name.replace('iptables', 'iptables-nft')}`
        : null;
    return new IptablesRules({ runner: new NetnsCommands(namespace.name), find }, aPlace());
  };
  const nft = (...args: readonly string[]): Promise<string> => namespace.output(['nft', ...args]);
  const makeIncompatible = async (): Promise<void> => {
    await nft('add', 'table', 'ip', 'nat');
    await nft('add', 'chain', 'ip', 'nat', 'foreign');
    await nft('add rule ip nat foreign numgen inc mod 2 vmap { 0 : accept, 1 : drop }');
  };
  const jumps = async (): Promise<number> =>
    (await nft('list', 'table', 'ip', 'nat')).match(/jump KUBE-PORTALS-HOST/g)?.length ?? 0;

  it('is told at the start, in the words of iptables', async () => {
    await makeIncompatible();
    expect(await rulesHere().whyNot('IPv4')).toMatch(/nat' is incompatible, use 'nft' tool/);
  });

  it('is in nobody’s way when everything of ours is removed', async () => {
    await makeIncompatible();
    const before = await nft('list', 'ruleset');
    await rulesHere().remove();
    expect(await nft('list', 'ruleset')).toBe(before);
  });

  it('gets no jump a second time, and what changes is changed all the same', async () => {
    const rules = rulesHere();
    await rules.write(steeringState(web), 'everything');
    await makeIncompatible();
    for (const state of [steeringState(web), steeringState(web, dns)])
      await expect(rules.write(state, 'everything')).rejects.toThrow(/incompatible/);
    expect(await jumps()).toBe(1);
    expect(await nft('list', 'chain', 'ip', 'nat', 'KUBE-PORTALS-HOST')).toContain('10.96.0.10');
  });
});

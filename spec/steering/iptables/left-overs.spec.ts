import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Command, CommandResult } from '../../../src/host/command-runner.js';
import type { IptablesHost } from '../../../src/steering/iptables/find-programs.js';
import { IptablesRules } from '../../../src/steering/iptables/iptables-rules.js';
import { NetnsCommands } from '../../support/netns-commands.js';
import { NetworkNamespace } from '../../support/network/network-namespace.js';
import { missingFor } from '../../support/network/requirements.js';
import { aPlace, aRedirect, steeringState } from '../../support/steering-values.js';

const web = aRedirect();
const overIPv6 = aRedirect({ address: 'fd00:10:96::1', portal: { address: '::', port: 40_001 } });
const BROKEN: CommandResult = { exitCode: 1, stdout: '', stderr: 'Could not fetch rule set generation id\n' };

const missing = [missingFor('iptables-legacy'), missingFor('iptables-nft')].join('');
describe.skipIf(missing !== '')(`rules of an earlier run, in both variants of iptables${missing}`, () => {
  let namespace: NetworkNamespace;

  beforeEach(async () => {
    namespace = await NetworkNamespace.create('left-overs');
  });

  afterEach(async () => {
    await namespace.delete();
  });

  /** A host whose plain `iptables` is this variant. @param broken programs that fail whatever they are asked. */
  function hostWith(plain: 'legacy' | 'nft', broken?: RegExp): IptablesHost {
    const commands = new NetnsCommands(namespace.name);
    return {
      find: (name) =>
        /^ip6?tables/.test(name)
          ? `/usr/sbin/${name.replace(/^(ip6?tables)(?!-[ln])/, `$1-${plain}`)}`
          : null,
      readText: (path) => {
        const [program = '', ...through] = namespace.through;
        return execFileSync(program, [...through, 'cat', path], { encoding: 'utf8', stdio: 'pipe' });
      },
      runner: {
        run: (command: Command) =>
          broken?.test(command.program) === true ? Promise.resolve(BROKEN) : commands.run(command),
      },
    };
  }

  const rulesOf = (host: IptablesHost) => new IptablesRules(host, aPlace());
  const ours = async (program: string): Promise<number> =>
    (await namespace.output([`/usr/sbin/${program}-save`]))
      .split('\n')
      .filter((line) => /^-A KUBE-PORTALS/.test(line)).length;

  it('are gone from the other variant once the rules are written', async () => {
    await rulesOf(hostWith('legacy')).write(steeringState(web), 'everything');
    expect(await ours('iptables-legacy')).toBeGreaterThan(0);
    // Another program of Kubernetes made the other variant the one in use meanwhile.
    const kubelet = Array.from({ length: 30 }, (_, index) => `-A KUBE-FIREWALL -s 192.0.2.${index} -j DROP`);
    const input = `*filter\n:KUBE-FIREWALL - [0:0]\n${kubelet.join('\n')}\nCOMMIT\n`;
    await namespace.output(['/usr/sbin/iptables-nft-restore', '--noflush'], { input });
    const rules = rulesOf(hostWith('legacy'));
    await rules.write(steeringState(web), 'everything');
    expect(rules.description).toContain('(nft)');
    expect(await ours('iptables-legacy')).toBe(0);
    expect(await ours('iptables-nft')).toBeGreaterThan(0);
  });

  it.each(['iptables-nft-save', 'ip6tables-nft-save', 'iptables-legacy-save'])(
    'are removed from everything else where %s fails, which is told',
    async (program) => {
      for (const plain of ['legacy', 'nft'] as const)
        await rulesOf(hostWith(plain)).write(steeringState(web, overIPv6), 'everything');
      const kept = program.slice(0, -'-save'.length);
      const removing = rulesOf(hostWith('nft', new RegExp(`/${program}$`))).remove();
      await expect(removing).rejects.toMatchObject({ code: 'STEERING_FAILED' });
      for (const name of ['iptables-legacy', 'iptables-nft', 'ip6tables-legacy', 'ip6tables-nft'])
        if (name !== kept) expect([name, await ours(name)]).toEqual([name, 0]);
    },
  );

  it('are nobody’s concern where programs of a family do not work that nothing is asked of', async () => {
    const rules = rulesOf(hostWith('nft', /\/ip6tables/));
    await rules.write(steeringState(web), 'everything');
    await rules.write(steeringState(web), 'everything');
    expect(await ours('iptables-nft')).toBeGreaterThan(0);
    await expect(rules.write(steeringState(web, overIPv6), 'everything')).rejects.toThrow(/generation id/);
  });
});

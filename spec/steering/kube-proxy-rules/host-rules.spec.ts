import { describe, expect, it } from 'vitest';
import type { Command } from '../../../src/host/command-runner.js';
import type { IptablesHost } from '../../../src/steering/iptables/find-programs.js';
import { readHostRules } from '../../../src/steering/kube-proxy-rules/host-rules.js';
import { kubeProxyRules } from '../../support/kube-proxy-fixture.js';

const OF_OTHERS = '*nat\n-A PREROUTING -j DOCKER\nCOMMIT\n';
const VERSIONS = { legacy: 'iptables v1.8.9 (legacy)\n', nft: 'iptables v1.8.9 (nf_tables)\n' } as const;

/**
 * A host whose plain iptables is the nft variant, beside iptables-legacy.
 *
 * @param printed by the name of the program; those that are not named print nothing.
 */
function hostWith(printed: Readonly<Record<string, string>>, { legacyTables = 'nat\n', fails = '' } = {}) {
  const ran: Command[] = [];
  const host: IptablesHost = {
    find: (name) => (/^ip6?tables(-legacy)?(-save|-restore)?$/.test(name) ? `/usr/sbin/${name}` : null),
    readText: () => legacyTables,
    runner: {
      run: (command) => {
        ran.push(command);
        const name = command.program.slice('/usr/sbin/'.length);
        if (name === fails)
          return Promise.resolve({ exitCode: 4, stdout: '', stderr: 'Permission denied (you must be root)' });
        const variant = name.includes('legacy') ? 'legacy' : 'nft';
        const stdout = command.args[0] === '--version' ? VERSIONS[variant] : (printed[name] ?? '');
        return Promise.resolve({ exitCode: 0, stdout, stderr: '' });
      },
    },
  };
  return { host, ran };
}

describe('the rules of this host', () => {
  it('are those of both families, of the variant that kube-proxy writes to', async () => {
    const { host } = hostWith({
      'iptables-save': OF_OTHERS,
      'iptables-legacy-save': kubeProxyRules('iptables'),
      'ip6tables-save': OF_OTHERS,
    });
    const { saves, families, where, warnings } = await readHostRules(host);
    expect(families).toEqual(['IPv4', 'IPv6']);
    expect(saves.map(({ family, tables }) => [family, tables.get('nat')?.has('KUBE-SERVICES')])).toEqual([
      ['IPv4', true],
      // What its program printed has no address: the program tells the family.
      ['IPv6', false],
    ]);
    expect(where.split(', ').toSorted()).toEqual([
      'ip6tables-legacy-save',
      'ip6tables-save (nft)',
      'iptables-legacy-save',
      'iptables-save (nft)',
    ]);
    expect(warnings).toEqual([]);
  });

  it('are told of where both variants have those of kube-proxy', async () => {
    const { host } = hostWith({
      'iptables-save': kubeProxyRules('userspace'),
      'iptables-legacy-save': kubeProxyRules('iptables'),
    });
    const { saves, warnings } = await readHostRules(host);
    expect(saves.filter(({ family }) => family === 'IPv4')).toHaveLength(1);
    expect(warnings).toEqual([
      expect.stringMatching(/^kube-proxy's rules are in .*, too; those of .* were compared/),
    ]);
  });

  it('are read without a change: nothing is run but what prints, and no legacy table that is not in use', async () => {
    const { host, ran } = hostWith({ 'iptables-save': kubeProxyRules('iptables') }, { legacyTables: '' });
    await readHostRules(host);
    expect(ran.every(({ program, args }) => args[0] === '--version' || program.endsWith('-save'))).toBe(true);
    expect(ran.filter(({ program }) => program.endsWith('legacy-save'))).toEqual([]);
  });

  it('are an error where a program may not read them, in its own words', async () => {
    const { host } = hostWith({}, { fails: 'ip6tables-save' });
    await expect(readHostRules(host)).rejects.toMatchObject({
      code: 'STEERING_FAILED',
      message: expect.stringContaining('Permission denied'),
      remedy: expect.stringContaining('--iptables-save FILE'),
    });
  });

  it('are an error where there is no iptables', async () => {
    const { host } = hostWith({});
    await expect(readHostRules({ ...host, find: () => null })).rejects.toMatchObject({
      code: 'KUBE_PROXY_RULES_MISSING',
      message: 'there is no iptables-save here',
    });
  });
});

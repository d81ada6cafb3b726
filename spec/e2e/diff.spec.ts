import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { KUBE_PROXY_OBJECTS, KUBE_PROXY_RULES } from '../support/kube-proxy-fixture.js';
import { onEveryFilter } from '../support/network/on-every-filter.js';
import type { SteeredNode } from '../support/network/steered-node.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

/** The rules that a real kube-proxy wrote, on this node until the test ends. */
async function withRulesOfKubeProxy(
  { filter }: SteeredNode,
  mode: keyof typeof KUBE_PROXY_RULES,
): Promise<void> {
  onTestFinished(() => filter.clear());
  await filter.shell(`iptables-restore ${KUBE_PROXY_RULES[mode]}`);
}

const DIFF = ['diff', '--manifests', KUBE_PROXY_OBJECTS];

/** The tables of iptables-legacy that the kernel has: reading one makes it. */
const LEGACY_TABLES = 'cat /proc/net/ip_tables_names /proc/net/ip6_tables_names 2>/dev/null || true';

onEveryFilter(
  'kube-splice diff, on a node with the rules of kube-proxy',
  (steered, filterName) => {
    it('finds what it does, and leaves every rule and table as it was', async () => {
      const { filter } = steered();
      await withRulesOfKubeProxy(steered(), 'iptables');
      const before = [await filter.rules(), await filter.shell(LEGACY_TABLES)];
      const { exitCode, stdout, stderr } = await steered().run(...DIFF);
      expect(stderr).toBe('');
      expect(stdout).toMatch(/^kube-proxy in iptables mode \(.*iptables/);
      expect(stdout).toContain('6 service ports, 10 ways in.\n');
      expect(stdout).toMatch(/\nNo differences\.\n$/);
      expect(exitCode).toBe(0);
      expect([await filter.rules(), await filter.shell(LEGACY_TABLES)]).toEqual(before);
      if (filterName === 'iptables-nft') expect(before[1]).toBe('');
    });

    it('tells of a rule that is gone, and of an endpoint that is another', async () => {
      const { filter } = steered();
      await withRulesOfKubeProxy(steered(), 'iptables');
      await filter.shell(`
        iptables -t nat -D KUBE-NODEPORTS 1
        iptables -t nat -R KUBE-SEP-E7QALVI542OWU2YX 2 -p tcp -m tcp -j DNAT --to-destination 10.244.0.9:6443
      `);
      const { exitCode, stdout } = await steered().run(...DIFF);
      expect(exitCode).toBe(1);
      expect(stdout).toContain('default/web:http\n  + NodePort 30080/TCP: kube-splice alone\n');
      expect(stdout).toContain(
        'default/kubernetes:https\n  ~ ClusterIP 10.96.0.1:443/TCP\n      endpoints: -10.244.0.9:6443 +10.244.0.1:6443\n',
      );
      expect(stdout).toMatch(/\n2 differences\.\n$/);
    });

    it('knows its own rules from those of userspace mode', async () => {
      await withRulesOfKubeProxy(steered(), 'userspace');
      const { exitCode, stdout } = await steered().run(...DIFF, '-o', 'json');
      expect(exitCode).toBe(1);
      expect(JSON.parse(stdout)).toMatchObject({
        mode: 'userspace',
        differences: [{ differing: 'source ranges' }],
      });
      await steered().filter.clear();
      const manifest = join(temporaryDirectory(), 'services.yaml');
      writeFileSync(manifest, 'apiVersion: v1\nkind: List\nitems: []\n');
      await steered().start([]);
      const ours = await steered().run('diff', '--manifests', manifest);
      expect(ours).toMatchObject({ exitCode: 2, stdout: '' });
      expect(ours.stderr).toContain("kube-splice's own rules, and none of kube-proxy\n");
      expect(ours.stderr).toContain('(KUBE_PROXY_RULES_MISSING)');
    });
  },
  ['iptables-legacy', 'iptables-nft'],
);

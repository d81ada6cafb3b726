import { expect, it } from 'vitest';
import { readRuleSaves } from '../../../src/steering/kube-proxy-rules/rule-save.js';
import { waysOfUserspaceMode } from '../../../src/steering/kube-proxy-rules/userspace-mode.js';
import { kubeProxyRules } from '../../support/kube-proxy-fixture.js';

it("kube-proxy's rules of userspace mode have every way in once, and nothing of what is behind it", () => {
  const ways = readRuleSaves(kubeProxyRules('userspace')).flatMap(waysOfUserspaceMode);
  expect(
    ways.map(({ servicePort, protocol, address, port }) => [servicePort, protocol, address, port]),
  ).toEqual([
    ['kube-system/kube-dns:dns', 'UDP', '10.96.0.10', 53],
    ['kube-system/kube-dns:dns-tcp', 'TCP', '10.96.0.10', 53],
    ['default/web:http', 'TCP', '10.96.20.1', 80],
    ['default/web:http', 'TCP', '172.30.0.100', 80],
    ['default/web:http', 'TCP', '172.30.0.200', 80],
    ['default/whoami:http', 'TCP', '10.96.10.28', 3000],
    ['default/empty:http', 'TCP', '10.96.20.9', 80],
    ['default/kubernetes:https', 'TCP', '10.96.0.1', 443],
    ['default/web:http', 'TCP', null, 30_080],
    ['default/whoami:http', 'TCP', null, 31_647],
  ]);
  for (const way of ways)
    expect(way).toMatchObject({
      outcome: 'served',
      endpoints: null,
      affinitySeconds: null,
      sourceRanges: [],
    });
  expect(ways.filter(({ kind }) => kind === 'NodePort').map(({ address }) => address)).toEqual([null, null]);
});

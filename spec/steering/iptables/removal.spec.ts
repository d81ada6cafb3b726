import { describe, expect, it } from 'vitest';
import { CHAINS, PROBE_CHAIN } from '../../../src/steering/iptables/chains.js';
import { LEAF_CHAINS } from '../../../src/steering/iptables/leaf-chains.js';
import { rulesRemoved } from '../../../src/steering/iptables/removal.js';
import { parseSavedRules } from '../../../src/steering/iptables/saved-rules.js';
import { FakeIptables } from '../../support/iptables/fake-iptables.js';

/** Docker's, kube-proxy's of another mode, and an operator's: names that are like ours, and a comment that speaks of us. */
const FOREIGN = `*nat
:DOCKER - [0:0]
:KUBE-SERVICES - [0:0]
:KUBE-PORTALS-HOSTILE - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A PREROUTING -m comment --comment "before -j KUBE-PORTALS-CONTAINER of old" -j KUBE-SERVICES
-A OUTPUT -j KUBE-PORTALS-HOSTILE
-A POSTROUTING -s 172.17.0.0/16 -j MASQUERADE
-A DOCKER -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
COMMIT
*filter
:FOREIGN - [0:0]
-A INPUT -j FOREIGN
-A FOREIGN -p tcp -m tcp --dport 22 -j ACCEPT
COMMIT
`;

/** All chains of ours with a rule or two, jumps to them, one of them twice. */
const OURS = `*filter
${[...CHAINS.filter, PROBE_CHAIN].map((chain) => `:${chain} - [0:0]`).join('\n')}
-I INPUT 1 ! -i lo -j KUBE-PORTALS-GUARD
-A INPUT -j KUBE-PORTALS-REJECT
-A INPUT -m comment --comment "Ensure that non-local NodePort traffic can flow" -j KUBE-NODEPORT-NON-LOCAL
-A FORWARD -j KUBE-PORTALS-REJECT
-A KUBE-PORTALS-GUARD -p tcp -m tcp --dport 40001 -j KUBE-PORTALS-REFUSED
-A KUBE-PORTALS-REFUSED -p tcp -j DROP
COMMIT
*nat
${[...LEAF_CHAINS, ...CHAINS.nat, PROBE_CHAIN].map((chain) => `:${chain} - [0:0]`).join('\n')}
-I PREROUTING 1 -m comment --comment "handle ClusterIPs; NOTE: this must be before the NodePort rules" -j KUBE-PORTALS-CONTAINER
-A PREROUTING -m addrtype --dst-type LOCAL -j KUBE-NODEPORT-CONTAINER
-A OUTPUT -j KUBE-PORTALS-HOST
-A OUTPUT -j KUBE-PORTALS-HOST
-A OUTPUT -g KUBE-NODEPORT-HOST
-A KUBE-PORTALS-HOST -d 0.0.0.1/0.0.0.63 -j KUBE-PORTALS-HOST-01
-A KUBE-PORTALS-HOST-01 -d 10.96.0.1/32 -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 40001
COMMIT
`;

async function hostWith(...inputs: readonly string[]): Promise<FakeIptables> {
  const fake = new FakeIptables();
  for (const input of inputs) await fake.somebody('iptables-restore --noflush', input);
  return fake;
}

function removalOn(fake: FakeIptables): string {
  return rulesRemoved(parseSavedRules(fake.saved('IPv4')));
}

describe('the removal of our rules', () => {
  it('leaves everything as it was before they came, and then has nothing to do', async () => {
    const untouched = (await hostWith(FOREIGN)).saved('IPv4');
    const fake = await hostWith(FOREIGN, OURS);
    expect(fake.saved('IPv4')).not.toBe(untouched);
    await fake.somebody('iptables-restore --noflush', removalOn(fake));
    expect(fake.saved('IPv4')).toBe(untouched);
    expect(removalOn(fake)).toBe('');
  });

  it('is the same whether there are others or not', async () => {
    const fake = await hostWith(OURS);
    await fake.somebody('iptables-restore --noflush', removalOn(fake));
    expect(fake.saved('IPv4')).not.toContain('KUBE-');
  });

  it('is nothing where there is none of them', async () => {
    expect(rulesRemoved(new Map())).toBe('');
    expect(removalOn(await hostWith(FOREIGN))).toBe('');
  });

  it('names no table that has none of them', async () => {
    const fake = await hostWith(FOREIGN, OURS.slice(OURS.indexOf('*nat')));
    expect(removalOn(fake)).toMatch(/^\*nat\n(?!.*\*filter)/s);
  });

  it('takes what is left of them: chains without jumps, as those of a probe that was killed', async () => {
    const fake = await hostWith(
      FOREIGN,
      `*filter\n:${PROBE_CHAIN} - [0:0]\n-A ${PROBE_CHAIN} -j RETURN\nCOMMIT\n`,
    );
    await fake.somebody('iptables-restore --noflush', removalOn(fake));
    expect(fake.saved('IPv4')).toBe((await hostWith(FOREIGN)).saved('IPv4'));
  });

  it('leaves the rule of somebody that leads to a chain of ours, and that chain, empty', async () => {
    const theirs = `*nat
-A DOCKER -m comment --comment "see -j KUBE-NODEPORT-HOST too" -j KUBE-PORTALS-CONTAINER
COMMIT
`;
    const fake = await hostWith(FOREIGN, OURS, theirs);
    await fake.somebody('iptables-restore --noflush', removalOn(fake));
    const saved = fake.saved('IPv4');
    expect(saved).toContain('-j KUBE-PORTALS-CONTAINER\n');
    expect(saved.match(/^:KUBE-(PORTALS|NODEPORT)\S+/gm)).toEqual(
      [':KUBE-PORTALS-CONTAINER', ':KUBE-PORTALS-HOSTILE'].toSorted(),
    );
    expect(saved).not.toMatch(/^-A KUBE-PORTALS-CONTAINER/m);
  });
});

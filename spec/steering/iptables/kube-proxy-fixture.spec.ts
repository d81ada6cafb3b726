import { describe, expect, it } from 'vitest';
import type { ServicePortName } from '../../../src/model/service-port.js';
import { redirectsOf } from '../../../src/proxier/redirects.js';
import { jumpsOf } from '../../../src/steering/iptables/jumps.js';
import { rulesOfRedirect } from '../../../src/steering/iptables/redirect-rules.js';
import { ALL_CAPABILITIES } from '../../../src/steering/iptables/rule-text.js';
import { parseSavedRules } from '../../../src/steering/iptables/saved-rules.js';
import { kubeProxyRules, stateOfKubeProxyObjects } from '../../support/kube-proxy-fixture.js';
import { aPlace } from '../../support/steering-values.js';

/** The ports that kube-proxy had chosen. */
const PORTS: Readonly<Record<string, number>> = {
  'kube-system/kube-dns:dns': 40_020,
  'kube-system/kube-dns:dns-tcp': 40_048,
  'default/web:http': 40_066,
  'default/whoami:http': 40_094,
  'default/empty:http': 40_033,
  'default/kubernetes:https': 40_057,
};

const context = {
  family: 'IPv4',
  place: aPlace({ nodeAddress: () => '172.30.0.1' }),
  has: ALL_CAPABILITIES,
} as const;

function ourRules(): string[] {
  const state = stateOfKubeProxyObjects();
  const portals = new Map(
    Object.entries(PORTS).map(([name, port]) => [name as ServicePortName, { address: '0.0.0.0', port }]),
  );
  const redirects = [...state.servicePorts.keys()].flatMap((name) => redirectsOf(name, state, portals));
  const jumps = (['nat', 'filter'] as const).flatMap((table) =>
    [...jumpsOf(table, context).values()].flatMap(({ first, last }) => [...first, ...last]),
  );
  return [
    ...jumps,
    ...redirects.flatMap((redirect) => rulesOfRedirect(redirect, context).map(([, rule]) => rule)),
  ];
}

function theirRules(): string[] {
  const saved = parseSavedRules(kubeProxyRules('userspace'));
  return [...saved.values()].flatMap((table) => [...table.values()].flat());
}

const EXTERNAL_IP = '-d 172.30.0.100/32 -p tcp -m comment --comment "default/web:http" -m tcp --dport 80';
const LOAD_BALANCER_IP =
  '-d 172.30.0.200/32 -p tcp -m comment --comment "default/web:http" -m tcp --dport 80';
const EMPTY = '-d 10.96.20.9/32 -p tcp -m comment --comment "default/empty:http" -m tcp --dport 80';

describe('the rules of the objects that a real kube-proxy 1.25 was given', () => {
  it('are its rules, but for those that docs/steering.md gives a reason for', async () => {
    const [ours, theirs] = [new Set(ourRules()), new Set(theirRules())];
    expect([...theirs].filter((rule) => !ours.has(rule)).toSorted()).toEqual(
      [
        // External IPs are reached from the node and its pods, too.
        `-A KUBE-PORTALS-CONTAINER ${EXTERNAL_IP} -m physdev ! --physdev-is-in -j REDIRECT --to-ports 40066`,
        `-A KUBE-PORTALS-CONTAINER ${EXTERNAL_IP} -m addrtype --dst-type LOCAL -j REDIRECT --to-ports 40066`,
        `-A KUBE-PORTALS-HOST ${EXTERNAL_IP} -m addrtype --dst-type LOCAL -j DNAT --to-destination 172.30.0.1:40066`,
        // Source ranges are enforced.
        `-A KUBE-PORTALS-CONTAINER ${LOAD_BALANCER_IP} -j REDIRECT --to-ports 40066`,
        // A Service without endpoints is refused.
        `-A KUBE-PORTALS-CONTAINER ${EMPTY} -j REDIRECT --to-ports 40033`,
        `-A KUBE-PORTALS-HOST ${EMPTY} -j DNAT --to-destination 172.30.0.1:40033`,
      ].toSorted(),
    );
    const reject =
      '-m conntrack --ctstate NEW -m comment --comment "what no portal may get" -j KUBE-PORTALS-REJECT';
    const guard = '-m comment --comment "portals are for traffic of Services only"';
    expect([...ours].filter((rule) => !theirs.has(rule)).toSorted()).toEqual(
      [
        `-A KUBE-PORTALS-CONTAINER ${EXTERNAL_IP} -j REDIRECT --to-ports 40066`,
        `-A KUBE-PORTALS-HOST ${EXTERNAL_IP} -j DNAT --to-destination 172.30.0.1:40066`,
        `-A KUBE-PORTALS-CONTAINER -s 172.30.0.0/24 ${LOAD_BALANCER_IP} -j REDIRECT --to-ports 40066`,
        `-A KUBE-PORTALS-REJECT ${LOAD_BALANCER_IP.replace(':http', ':http allows other sources only')} -j DROP`,
        `-A KUBE-PORTALS-REJECT ${EMPTY.replace(':http', ':http has no endpoints')} -j REJECT --reject-with tcp-reset`,
        `-A INPUT ! -i lo -p tcp -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT ${guard} -j KUBE-PORTALS-GUARD`,
        `-A INPUT ! -i lo -p udp -m conntrack ! --ctstate DNAT ${guard} -j KUBE-PORTALS-GUARD-UDP`,
        `-A INPUT ${reject}`,
        `-A FORWARD ${reject}`,
        `-A OUTPUT ${reject}`,
      ].toSorted(),
    );
  });

  it('hang in the built-in chains in the order of kube-proxy', async () => {
    const ofNat = (rules: readonly string[], chain: string) =>
      rules.filter((rule) => rule.startsWith(`-A ${chain} `) && !rule.includes('REJECT'));
    const [ours, theirs] = [ourRules(), theirRules()];
    for (const chain of ['PREROUTING', 'OUTPUT']) expect(ofNat(ours, chain)).toEqual(ofNat(theirs, chain));
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CIDR, parseCIDR } from '../../../src/model/address.js';
import { holds } from '../../../src/model/cidr-difference.js';
import { RuleMaker } from '../../../src/steering/iptables/desired-rules.js';
import { IptablesRules } from '../../../src/steering/iptables/iptables-rules.js';
import { ALL_CAPABILITIES as ALL } from '../../../src/steering/iptables/rule-text.js';
import type { Redirect, RedirectTo } from '../../../src/steering/steering.js';
import { FakeIptables } from '../../support/iptables/fake-iptables.js';
import { aPlace, steeringState } from '../../support/steering-values.js';

const PODS = '10.244.0.0/16';
/** Who sends: the place, its address, and the address of the node that its packets come in by. */
const SENDERS = [
  { from: 'pod', source: '10.244.1.5', arrivesAt: '10.244.1.1' },
  { from: 'outside', source: '172.30.0.77', arrivesAt: '172.30.0.1' },
  { from: 'host', source: null, arrivesAt: '172.30.0.1' },
] as const;
type Sender = (typeof SENDERS)[number];

const verdict = fc.constantFrom('redirect', 'reject', 'drop');
const range = fc.constantFrom(
  '172.30.0.0/24',
  '10.244.1.0/24',
  '10.0.0.0/8',
  '203.0.113.0/24',
  '0.0.0.0/0',
  'fd00::/8',
);

/** A redirect for each of a few addresses and ports: no two are for the same traffic. */
const redirects = fc
  .uniqueArray(fc.nat({ max: 11 }), { minLength: 1, maxLength: 8 })
  .chain((ways) =>
    fc.tuple(
      ...ways.map((way) =>
        fc.record({
          way: fc.constant(way),
          verdict,
          sourceRanges: fc.uniqueArray(range, { maxLength: 3 }),
          isSplit: fc.boolean(),
        }),
      ),
    ),
  )
  .map((made) => made.map(redirectOf));

interface Made {
  readonly way: number;
  readonly verdict: Redirect['verdict'];
  readonly sourceRanges: readonly string[];
  readonly isSplit: boolean;
}

/** Ways 0 to 2 are ClusterIPs, then external IPs, load-balancer IPs and NodePorts; protocols take turns. */
function redirectOf({ way, verdict, sourceRanges, isSplit }: Made): Redirect {
  const kind =
    (['ClusterIP', 'ExternalIP', 'LoadBalancer', 'NodePort'] as const)[Math.floor(way / 3)] ?? 'ClusterIP';
  const portal = (port: number) => ({ address: '0.0.0.0', port });
  return {
    servicePort: `default/s${way}`,
    protocol: way % 2 === 0 ? 'TCP' : 'UDP',
    kind,
    family: 'IPv4',
    address: kind === 'NodePort' ? null : `198.51.100.${way}`,
    port: kind === 'NodePort' ? 30_000 + way : 80,
    sourceRanges: kind === 'LoadBalancer' ? sourceRanges : [],
    portal: portal(40_000 + way),
    verdict,
    // Traffic of the node has other endpoints than that from outside only where there are some.
    fromNode: kind !== 'ClusterIP' && isSplit ? { portal: portal(41_000 + way), verdict: 'redirect' } : null,
  };
}

function inCIDR(address: string, cidr: string): boolean {
  const [block, host] = [parseCIDR(cidr), parseCIDR(`${address}/32`)] as (CIDR | undefined)[];
  return block !== undefined && host !== undefined && holds(block, host);
}

/** What docs/steering.md says of a packet, without a word of rules. */
function expected(redirect: Redirect, { from, source, arrivesAt }: Sender, hasPods: boolean): unknown {
  const isOwn = source === null;
  const isNear = isOwn || (hasPods && inCIDR(source, PODS));
  const to: RedirectTo = isNear ? (redirect.fromNode ?? redirect) : redirect;
  const isAllowed =
    isOwn || redirect.sourceRanges.length === 0 || redirect.sourceRanges.some((cidr) => inCIDR(source, cidr));
  if (to.verdict === 'redirect' && isAllowed)
    return { outcome: 'delivered', address: arrivesAt, port: to.portal.port, from };
  if (redirect.verdict === 'reject') return { outcome: 'rejected', from };
  return { outcome: 'dropped', from };
}

describe('packets, whatever there is to steer', () => {
  it('end where they should, from everywhere, after any changes and disturbances', async () => {
    const tampering = fc.option(
      fc.constantFrom(
        'iptables -t nat -F',
        'iptables -t filter -F',
        'iptables -t nat -F KUBE-PORTALS-CONTAINER',
        'iptables -t nat -D PREROUTING 1',
        'iptables -t nat -A KUBE-PORTALS-HOST -j RETURN',
      ),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(redirects, tampering), { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        fc.constantFrom<readonly ('comment' | 'addrtype' | 'multiport' | 'state')[]>(
          [],
          ['comment'],
          ['addrtype'],
          ['multiport', 'state'],
        ),
        async (steps, hasPods, programLacks) => {
          const host = new FakeIptables({ programLacks });
          const place = aPlace({
            localAddresses: () => ['127.0.0.1', '172.30.0.1', '10.244.1.1'],
            clusterCIDRs: hasPods ? [PODS] : [],
          });
          const rules = new IptablesRules({ runner: host, find: host.find, readText: host.readText }, place);
          await rules.write(steeringState(), 'everything');
          let last: readonly Redirect[] = [];
          for (const [wanted, disturbance] of steps) {
            last = wanted;
            await rules.write(steeringState(...wanted), 'changes');
            // What an earlier one took away can't be taken away again.
            if (disturbance !== null) await host.somebody(disturbance).catch(() => undefined);
          }
          await rules.write(steeringState(...last), 'everything');
          for (const redirect of last) {
            for (const sender of SENDERS) {
              const outcome = host.trace({
                from: sender.from,
                protocol: redirect.protocol === 'TCP' ? 'tcp' : 'udp',
                destination: redirect.address ?? sender.arrivesAt,
                port: redirect.port,
              });
              expect({ ...outcome, from: sender.from }).toMatchObject(
                expected(redirect, sender, hasPods) as object,
              );
            }
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  it('end in the same place where the chains of portals are divided', async () => {
    await fc.assert(
      fc.asyncProperty(redirects, async (wanted) => {
        const context = { family: 'IPv4', place: aPlace(), has: ALL } as const;
        const [flat, divided] = [new RuleMaker(context, 1_000), new RuleMaker(context, 0)];
        const hosts = await Promise.all(
          [flat, divided].map(async (maker) => {
            const { chains, jumps } = await maker.make(steeringState(...wanted), { TCP: [], UDP: [] });
            const host = new FakeIptables();
            for (const table of ['filter', 'nat'] as const) {
              const names = [...chains[table].keys()].map((chain) => `:${chain} - [0:0]`);
              const rules = [...chains[table].values()].flatMap((set) => [...set]);
              const hooks = [...jumps[table].values()].flatMap(({ first, last }) => [...first, ...last]);
              const input = [`*${table}`, ...names, ...rules, ...hooks, 'COMMIT', ''].join('\n');
              await host.somebody('iptables-restore --noflush', input);
            }
            return host;
          }),
        );
        for (const { protocol, address, port } of wanted) {
          for (const { from, arrivesAt } of SENDERS) {
            const destination = address ?? arrivesAt;
            const packet = { from, protocol: protocol === 'TCP' ? 'tcp' : 'udp', destination, port } as const;
            const [one, other] = hosts.map((host) => host.trace(packet));
            expect(other).toEqual(one);
          }
        }
      }),
      { numRuns: 50 },
    );
  });
});

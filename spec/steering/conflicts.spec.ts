import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { settleConflicts } from '../../src/steering/conflicts.js';
import type { Redirect } from '../../src/steering/steering.js';
import { aRedirect } from '../support/steering-values.js';

const [FIRST, SECOND, THIRD] = ['default/a:http', 'default/b:http', 'kube-system/a'] as const;

function messagesOf(...redirects: readonly Redirect[]): string[] {
  return settleConflicts(redirects).conflicts.map(({ code, message }) => `${code}: ${message}`);
}

describe('service ports that claim the same traffic', () => {
  it('are none where all traffic differs: the same array comes back', () => {
    const redirects = [
      aRedirect({ servicePort: FIRST }),
      aRedirect({ servicePort: SECOND, port: 81 }),
      aRedirect({ servicePort: SECOND, protocol: 'UDP' }),
      aRedirect({ servicePort: SECOND, address: '10.96.0.2' }),
      aRedirect({ servicePort: SECOND, address: 'fd00::1' }),
      aRedirect({ servicePort: SECOND, kind: 'NodePort' }),
      aRedirect({ servicePort: SECOND, kind: 'NodePort', family: 'IPv6' }),
    ];
    const settled = settleConflicts(redirects);
    expect(settled.redirects).toBe(redirects);
    expect(settled.conflicts).toEqual([]);
  });

  it('give way to the one whose name comes first, in whatever order they are given', () => {
    const [a, b, c] = [FIRST, SECOND, THIRD].map((servicePort) =>
      aRedirect({ servicePort, kind: 'ExternalIP' }),
    );
    if (a === undefined || b === undefined || c === undefined) throw new Error('there are three');
    const told = [
      `STEERING_CONFLICT: ${SECOND}: ${FIRST} has ExternalIP 10.96.0.1, port 80/TCP already, and keeps it`,
      `STEERING_CONFLICT: ${THIRD}: ${FIRST} has ExternalIP 10.96.0.1, port 80/TCP already, and keeps it`,
    ];
    for (const order of [
      [a, b, c],
      [c, b, a],
      [b, a, c],
      [c, a, b],
    ]) {
      expect(settleConflicts(order).redirects).toEqual([a]);
      expect(messagesOf(...order).toSorted()).toEqual(told);
    }
  });

  it('keep what nobody else claims, in the order that they were given in', () => {
    const mine = aRedirect({ servicePort: FIRST });
    const theirs = aRedirect({ servicePort: SECOND });
    const [before, after] = [81, 82].map((port) => aRedirect({ servicePort: SECOND, port }));
    if (before === undefined || after === undefined) throw new Error('there are two');
    expect(settleConflicts([before, theirs, mine, after]).redirects).toEqual([before, mine, after]);
  });

  it('may be of different kinds: an address is one address, whoever calls it what', () => {
    const address = '192.0.2.10';
    expect(
      messagesOf(
        aRedirect({ servicePort: FIRST, kind: 'LoadBalancer', address, protocol: 'UDP', port: 53 }),
        aRedirect({ servicePort: SECOND, kind: 'ExternalIP', address, protocol: 'UDP', port: 53 }),
      ),
    ).toEqual([
      `STEERING_CONFLICT: ${SECOND}: ${FIRST} has ExternalIP 192.0.2.10, port 53/UDP already, and keeps it`,
    ]);
  });

  it('may claim a node port, in each family', () => {
    const claims = (['IPv4', 'IPv6'] as const).flatMap((family) =>
      [SECOND, FIRST].map((servicePort) =>
        aRedirect({ servicePort, kind: 'NodePort', family, port: 30_080 }),
      ),
    );
    const { redirects, conflicts } = settleConflicts(claims);
    expect(redirects.map(({ servicePort, family }) => [servicePort, family])).toEqual([
      [FIRST, 'IPv4'],
      [FIRST, 'IPv6'],
    ]);
    expect(conflicts[0]?.message).toBe(`${SECOND}: ${FIRST} has NodePort 30080/TCP already, and keeps it`);
  });

  it('are told of once for each kind of traffic, with what to do about it', () => {
    const address = '192.0.2.10';
    const { conflicts } = settleConflicts([
      aRedirect({ servicePort: FIRST, address }),
      aRedirect({ servicePort: SECOND, address, kind: 'ExternalIP' }),
      aRedirect({ servicePort: SECOND, address, kind: 'LoadBalancer' }),
      aRedirect({ servicePort: FIRST, address, port: 443 }),
      aRedirect({ servicePort: SECOND, address, port: 443 }),
    ]);
    expect(conflicts).toHaveLength(2);
    expect(conflicts[0]?.remedy).toContain('another address or port');
  });

  it('are one and the same where an address is given twice: the first counts, without a word', () => {
    const external = aRedirect({ kind: 'ExternalIP', sourceRanges: [] });
    const loadBalancer = aRedirect({ kind: 'LoadBalancer', sourceRanges: ['10.0.0.0/8'] });
    expect(settleConflicts([external, loadBalancer])).toEqual({ redirects: [external], conflicts: [] });
    expect(settleConflicts([loadBalancer, external]).redirects).toEqual([loadBalancer]);
  });

  it('lose nothing but what another of them has, whatever there is', () => {
    const claim = fc
      .record({
        servicePort: fc.constantFrom(FIRST, SECOND, THIRD),
        protocol: fc.constantFrom('TCP', 'UDP'),
        port: fc.integer({ min: 1, max: 3 }),
        isNodePort: fc.boolean(),
      } as const)
      .map(({ isNodePort, ...rest }) => aRedirect({ ...rest, kind: isNodePort ? 'NodePort' : 'ClusterIP' }));
    const traffic = ({ protocol, address, port }: Redirect) => `${protocol} ${address} ${port}`;
    fc.assert(
      fc.property(fc.array(claim, { maxLength: 20 }), (claims) => {
        const { redirects, conflicts } = settleConflicts(claims);
        expect(new Set(redirects.map(traffic))).toEqual(new Set(claims.map(traffic)));
        expect(new Set(redirects.map(traffic)).size).toBe(redirects.length);
        const losers = new Set<string>();
        for (const lost of claims.filter((one) => !redirects.includes(one))) {
          const winner = redirects.find((one) => traffic(one) === traffic(lost));
          expect(winner !== undefined && winner.servicePort <= lost.servicePort).toBe(true);
          if (winner?.servicePort !== lost.servicePort) losers.add(`${lost.servicePort} ${traffic(lost)}`);
        }
        expect(conflicts).toHaveLength(losers.size);
      }),
    );
  });
});

import { describe, expect, it } from 'vitest';
import { elementsOf } from '../../../src/steering/nftables/redirect-elements.js';
import { tableOutline } from '../../../src/steering/nftables/table-outline.js';
import { aPlace, aRedirect } from '../../support/steering-values.js';

describe('the elements of a redirect', () => {
  it('hold nothing that is no address', () => {
    for (const address of ['10.96.0.1 }', '10.96.0.1\nflush ruleset', 'web.example', '$x', ''])
      expect(() => elementsOf(aRedirect({ address }), 'IPv4')).toThrow(
        expect.objectContaining({ code: 'STEERING_FAILED' }),
      );
  });

  it('hold nothing of its name', () => {
    const servicePort = 'default/drop; }:http';
    expect(JSON.stringify(elementsOf(aRedirect({ servicePort }), 'IPv4'))).not.toContain('default');
  });

  it('are as many however many sources are allowed', () => {
    const kind = 'LoadBalancer';
    const few = elementsOf(aRedirect({ kind, sourceRanges: ['10.0.0.0/8'] }), 'IPv4');
    const many = elementsOf(
      aRedirect({ kind, sourceRanges: ['10.0.0.0/8', '192.0.2.0/24', '198.51.100.0/24'] }),
      'IPv4',
    );
    expect(few.elements).toHaveLength(2);
    expect(many.elements).toHaveLength(2);
  });
});

describe('the outline of a table', () => {
  it('leads no packet to NodePorts where those are on addresses of the other family', () => {
    const place = aPlace({ nodePortAddresses: ['fd00::/8'] });
    const context = { place, portalAddress: 'all', hasFib: true } as const;
    const ofIPv4 = tableOutline({ ...context, family: 'IPv4' }).get('chain steer');
    expect(ofIPv4?.filter((rule) => rule.includes('jump'))).toEqual([]);
    const ofIPv6 = tableOutline({ ...context, family: 'IPv6' }).get('chain steer');
    expect(ofIPv6?.at(-1)).toBe('ip6 daddr fd00::/8 fib daddr type 2 jump steer-ports');
  });

  it('names sets so that kernels before 4.7 take them', () => {
    const outline = tableOutline({ family: 'IPv4', place: aPlace(), portalAddress: 'all', hasFib: true });
    for (const header of outline.keys()) {
      const [kind, name = ''] = header.split(' ');
      expect(name.length, header).toBeLessThan(kind === 'chain' ? 32 : 16);
    }
  });
});

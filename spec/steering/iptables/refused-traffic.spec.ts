import { describe, expect, it } from 'vitest';
import { guardRules } from '../../../src/steering/iptables/guard-rules.js';
import { IptablesCommands } from '../../../src/steering/iptables/iptables-programs.js';
import { refusedTraffic } from '../../../src/steering/iptables/refused-traffic.js';
import { ALL_CAPABILITIES } from '../../../src/steering/iptables/rule-text.js';
import { RealIptables, whyNoRealIptables } from '../../support/iptables/real-iptables.js';
import { aPlace } from '../../support/steering-values.js';

describe('what was refused at the portals', () => {
  it('is the packets of each protocol, not their bytes', () => {
    expect(
      refusedTraffic(`*filter
:KUBE-PORTALS-REFUSED - [0:0]
[9:900] -A INPUT -p tcp -j ACCEPT
[4:240] -A KUBE-PORTALS-GUARD -p tcp -m multiport --dports 40001 -j KUBE-PORTALS-REFUSED
[3:180] -A KUBE-PORTALS-REFUSED -p tcp -m comment --comment "sent straight to a portal" -j REJECT --reject-with tcp-reset
[12:1024] -A KUBE-PORTALS-REFUSED -p udp -m comment --comment "sent straight to a portal" -j DROP
COMMIT
`),
    ).toEqual({ connections: 3, datagrams: 12 });
  });

  it('is nothing where there are no rules, or nothing is counted', () => {
    expect(refusedTraffic('')).toEqual({ connections: 0, datagrams: 0 });
    expect(refusedTraffic('-A KUBE-PORTALS-REFUSED -p tcp -j DROP\n')).toEqual({
      connections: 0,
      datagrams: 0,
    });
  });

  it.each([
    ['all that they can be made with', ALL_CAPABILITIES],
    ['less', { ...ALL_CAPABILITIES, comment: false, reject: false }],
  ])('is read from the rules as they are made with %s', (_, has) => {
    const rules = guardRules({ TCP: [], UDP: [] }, { family: 'IPv4', place: aPlace(), has });
    const saved = rules.map(([, rule], index) => `[${index + 7}:99] ${rule}`).join('\n');
    expect(refusedTraffic(saved)).toEqual({ connections: 7, datagrams: 8 });
  });
});

const why = whyNoRealIptables();

describe.skipIf(why !== null)(
  `what real rules have counted${why === null ? '' : ` (SKIPPED: ${why})`}`,
  () => {
    it.each(
      (['legacy', 'nft'] as const).flatMap((variant) =>
        ([true, false] as const).map((comment) => ({ variant, comment })),
      ),
    )('is what was refused, with $variant and comments: $comment', async ({ variant, comment }) => {
      const real = await RealIptables.start();
      try {
        const has = { ...ALL_CAPABILITIES, comment };
        const [tcp, udp] = guardRules({ TCP: [], UDP: [] }, { family: 'IPv4', place: aPlace(), has });
        const program = `/usr/sbin/iptables-${variant}`;
        const counted = [':KUBE-PORTALS-REFUSED - [0:0]', `[3:180] ${tcp?.[1]}`, `[12:1024] ${udp?.[1]}`];
        const input = `*filter\n${counted.join('\n')}\nCOMMIT\n`;
        const restored = await real.run({ program: `${program}-restore`, args: ['-c', '--noflush'], input });
        expect(restored).toMatchObject({ exitCode: 0, stderr: '' });
        const programs = {
          name: `iptables-${variant}`,
          main: program,
          save: `${program}-save`,
          restore: `${program}-restore`,
          release: [1, 8, 9],
          variant,
        } as const;
        const commands = new IptablesCommands(real, programs, () => null);
        expect(refusedTraffic(await commands.counted('filter', 'KUBE-PORTALS-REFUSED'))).toEqual({
          connections: 3,
          datagrams: 12,
        });
      } finally {
        await real.close();
      }
    });
  },
);

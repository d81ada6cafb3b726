import { describe, expect, it } from 'vitest';
import {
  ALL_CAPABILITIES,
  commentText,
  hostCIDR,
  isEveryone,
  type Match,
  ruleText,
} from '../../../src/steering/iptables/rule-text.js';
import { FakeIptables } from '../../support/iptables/fake-iptables.js';
import { RealIptables, whyNoRealIptables } from '../../support/iptables/real-iptables.js';

const CHAIN = 'KUBE-PORTALS-SPEC';
const REDIRECT = 'REDIRECT --to-ports 40001';

function text(match: Match, verdict = REDIRECT, has = ALL_CAPABILITIES): string {
  return ruleText(CHAIN, match, verdict, has);
}

/** Every part alone, and all of them together. */
const MATCHES: readonly Match[] = [
  { protocol: 'TCP' },
  { protocol: 'UDP' },
  { protocol: 'TCP', source: { cidr: '10.1.0.0/16', not: false } },
  { protocol: 'TCP', source: { cidr: '10.1.0.0/16', not: true } },
  { protocol: 'TCP', source: { cidr: '0.0.0.0/0', not: false }, destination: '0.0.0.0/0' },
  { protocol: 'TCP', destination: '10.96.0.1/32' },
  { protocol: 'TCP', port: 80 },
  { protocol: 'UDP', comment: 'word_and-word' },
  { protocol: 'UDP', comment: 'kube-system/kube-dns:dns' },
  { protocol: 'UDP', comment: `it's "quoted" \\ and more` },
  { protocol: 'UDP', comment: 'x'.repeat(300) },
  { protocol: 'UDP', toLocalAddress: true },
  {
    source: { cidr: '192.0.2.0/24', not: true },
    destination: '10.96.0.10/32',
    protocol: 'UDP',
    comment: 'kube-system/kube-dns:dns',
    port: 53,
    toLocalAddress: true,
  },
];

const RULES = MATCHES.map((match) => text(match));
const INPUT = `*nat\n:${CHAIN} - [0:0]\n${RULES.join('\n')}\nCOMMIT\n`;

function rulesOf(saved: string): string[] {
  return saved.split('\n').filter((line) => line.startsWith('-A '));
}

describe('the text of a rule', () => {
  it('has every part in the order of iptables-save', () => {
    expect(RULES.at(-1)).toBe(
      `-A ${CHAIN} ! -s 192.0.2.0/24 -d 10.96.0.10/32 -p udp -m comment --comment "kube-system/kube-dns:dns" -m udp --dport 53 -m addrtype --dst-type LOCAL -j ${REDIRECT}`,
    );
    expect(text({}, 'DROP')).toBe(`-A ${CHAIN} -j DROP`);
  });

  it('does without what the kernel does not have', () => {
    const match: Match = { protocol: 'TCP', comment: 'default/web', port: 80, toLocalAddress: true };
    const has = { ...ALL_CAPABILITIES, comment: false, addrtype: false };
    expect(text(match, 'DROP', has)).toBe(`-A ${CHAIN} -p tcp -m tcp --dport 80 -j DROP`);
  });

  it('says nothing of a port without a protocol', () => {
    expect(text({ port: 80 }, 'DROP')).toBe(`-A ${CHAIN} -j DROP`);
  });

  it('is what the fake prints of it', async () => {
    const fake = new FakeIptables();
    const result = await fake.run({ program: 'iptables-restore', args: ['--noflush'], input: INPUT });
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    expect(rulesOf(fake.saved('IPv4'))).toEqual(RULES);
  });
});

const why = whyNoRealIptables();

describe.skipIf(why !== null)(`the text of a rule${why === null ? '' : ` (SKIPPED: ${why})`}`, () => {
  it.each(['legacy', 'nft'])('is what iptables-%s prints of it', async (variant) => {
    const real = await RealIptables.start();
    try {
      const program = `/usr/sbin/iptables-${variant}`;
      const restored = await real.run({ program: `${program}-restore`, args: ['--noflush'], input: INPUT });
      expect(restored).toMatchObject({ exitCode: 0, stderr: '' });
      const saved = await real.run({ program: `${program}-save`, args: ['-t', 'nat'] });
      expect(rulesOf(saved.stdout)).toEqual(RULES);
    } finally {
      await real.close();
    }
  });

  it.each(['legacy', 'nft'])('is what ip6tables-%s prints of one for IPv6', async (variant) => {
    const rules = [
      text({ protocol: 'TCP', destination: 'fd00:10:96::1/128', comment: 'default/web', port: 80 }),
      text({ protocol: 'TCP', source: { cidr: 'fd00:1::/64', not: true }, toLocalAddress: true }),
      text(
        { protocol: 'UDP', source: { cidr: '::/0', not: false }, port: 53 },
        'DNAT --to-destination [fd00::1]:9',
      ),
    ];
    const real = await RealIptables.start();
    try {
      const program = `/usr/sbin/ip6tables-${variant}`;
      const input = `*nat\n:${CHAIN} - [0:0]\n${rules.join('\n')}\nCOMMIT\n`;
      const restored = await real.run({ program: `${program}-restore`, args: ['--noflush'], input });
      expect(restored).toMatchObject({ exitCode: 0, stderr: '' });
      expect(rulesOf((await real.run({ program: `${program}-save`, args: [] })).stdout)).toEqual(rules);
    } finally {
      await real.close();
    }
  });
});

describe('a comment', () => {
  it.each([
    ['word', 'word'],
    ['a_b-C9', 'a_b-C9'],
    ['default/web:http', '"default/web:http"'],
    ['two words', '"two words"'],
    ['a"b\\c', '"a\\"b\\\\c"'],
    ['', '""'],
  ])('%j is written as %s', (comment, written) => {
    expect(commentText(comment, ALL_CAPABILITIES)).toBe(` -m comment --comment ${written}`);
  });

  it('is cut to what the kernel takes, and left out where it takes none', () => {
    const written = commentText('x'.repeat(1_000), ALL_CAPABILITIES);
    expect(written).toBe(` -m comment --comment ${'x'.repeat(255)}`);
    expect(commentText('x', { ...ALL_CAPABILITIES, comment: false })).toBe('');
  });
});

describe('a CIDR of a rule', () => {
  it('is an address with all of its bits', () => {
    expect([hostCIDR('10.0.0.1'), hostCIDR('fd00::1')]).toEqual(['10.0.0.1/32', 'fd00::1/128']);
  });

  it('holds every address where it has no prefix', () => {
    expect(['0.0.0.0/0', '::/0', '10.0.0.0/8', '10.0.0.0/10'].map(isEveryone)).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});

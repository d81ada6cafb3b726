import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { CommandResult, CommandRunner } from '../../../src/host/command-runner.js';
import { FakeIptables } from './fake-iptables.js';
import { RealIptables, whyNoRealIptables } from './real-iptables.js';
import type { Variant } from './rule.js';
import { restoreInput } from './rule-arbitraries.js';

const missing = whyNoRealIptables();
const PROGRAMS = (['iptables', 'ip6tables'] as const).flatMap((base) =>
  (['legacy', 'nft'] as const).map((variant) => ({ base, variant })),
);

interface Step {
  /** What stands behind the name of the program: `-restore --noflush`, ` -t nat -F`. */
  readonly words: string;
  readonly input?: string;
}

/** What a program answers, without what differs from one time to the next. */
async function ask(
  runner: CommandRunner,
  base: string,
  variant: Variant,
  { words, input = '' }: Step,
): Promise<CommandResult> {
  const [program = '', ...args] = [...`${base}-${variant}${words}`.matchAll(/"([^"]*)"|(\S+)/g)].map(
    ([, quoted, bare = '']) => quoted ?? bare,
  );
  const { exitCode, stdout, stderr } = await runner.run({ program, args, input });
  const plain = (text: string): string => text.replace(/^#.*\n/gm, '');
  return { exitCode, stdout: plain(stdout), stderr: plain(stderr) };
}

async function sameAnswers(base: string, variant: Variant, steps: readonly Step[]): Promise<void> {
  const fake = new FakeIptables({
    installed: [`${base === 'iptables' ? 'iptables' : 'ip6tables'}-${variant}`],
  });
  const real = await RealIptables.start();
  try {
    for (const step of steps) {
      const expected = await ask(real, base, variant, step);
      expect({ step, ...(await ask(fake, base, variant, step)) }).toEqual({ step, ...expected });
    }
  } finally {
    await real.close();
  }
}

const restores = (...lines: readonly string[]): Step => ({
  words: '-restore --noflush',
  input: `${lines.join('\n')}\n`,
});
const SAVE: Step = { words: '-save' };

describe.skipIf(missing !== null)(`the fake beside the real iptables (skipped: ${missing ?? 'no'})`, () => {
  describe.each(PROGRAMS)('$base-$variant', ({ base, variant }) => {
    it('loads random rules and prints them alike', async () => {
      const real = await RealIptables.start();
      onTestFinished(() => real.close());
      await fc.assert(
        fc.asyncProperty(restoreInput(base === 'iptables' ? 'IPv4' : 'IPv6'), async (input) => {
          const fake = new FakeIptables({ installed: [`${base}-${variant}`] });
          const step = { words: '-restore', input };
          const expected = await ask(real, base, variant, step);
          expect(await ask(fake, base, variant, step)).toEqual(expected);
          for (const table of ['filter', 'nat', 'mangle']) {
            const save = { words: `-save -t ${table}` };
            expect((await ask(fake, base, variant, save)).stdout).toBe(
              (await ask(real, base, variant, save)).stdout,
            );
          }
        }),
        { numRuns: 60 },
      );
    }, 60_000);

    it.each([
      ['an unknown target', ['*nat', ':A - [0:0]', '-A A -j NOPE', 'COMMIT']],
      ['a missing chain', ['*nat', '-A NOPE -j ACCEPT', 'COMMIT']],
      ['the removal of a rule that is not there', ['*nat', ':A - [0:0]', '-D A -j ACCEPT', 'COMMIT']],
      ['the removal of a rule of a chain that is not there', ['*nat', '-D NOPE -j ACCEPT', 'COMMIT']],
      ['the removal of a chain that is not there', ['*nat', '-X NOPE', 'COMMIT']],
      ['the flush of a chain that is not there', ['*nat', '-F NOPE', 'COMMIT']],
      ['a chain that is there', ['*nat', ':A - [0:0]', '-N A', 'COMMIT']],
      ['the removal of a chain that holds rules', ['*nat', ':A - [0:0]', '-A A -j ACCEPT', '-X A', 'COMMIT']],
      ['the removal of a chain that is used', ['*nat', ':A - [0:0]', '-A OUTPUT -j A', '-X A', 'COMMIT']],
      ['an index too big', ['*nat', ':A - [0:0]', '-I A 5 -j ACCEPT', 'COMMIT']],
      ['the index 0', ['*nat', ':A - [0:0]', '-I A 0 -j ACCEPT', 'COMMIT']],
      ['the removal of the fifth of no rules', ['*nat', ':A - [0:0]', '-D A 5', 'COMMIT']],
      ['a missing COMMIT', ['*nat', ':A - [0:0]']],
      ['what is no table', ['garbage']],
      ['an unknown table', ['*frob', 'COMMIT']],
      ['an unknown policy', ['*nat', ':OUTPUT FOO [0:0]', 'COMMIT']],
      ['REDIRECT in filter', ['*filter', ':A - [0:0]', '-A A -p tcp -j REDIRECT --to-ports 3', 'COMMIT']],
      ['REJECT in nat', ['*nat', ':A - [0:0]', '-A A -j REJECT', 'COMMIT']],
      ['DROP in nat', ['*nat', ':A - [0:0]', '-A A -j DROP', 'COMMIT']],
      ['REDIRECT after routing', ['*nat', '-A POSTROUTING -p tcp -j REDIRECT --to-ports 3', 'COMMIT']],
      ['a port without a protocol', ['*nat', ':A - [0:0]', '-A A -j REDIRECT --to-ports 3', 'COMMIT']],
      [
        'a reset of UDP',
        ['*filter', ':A - [0:0]', '-A A -p udp -j REJECT --reject-with tcp-reset', 'COMMIT'],
      ],
      ['a loop', ['*nat', ':A - [0:0]', ':B - [0:0]', '-A OUTPUT -j A', '-A A -j B', '-A B -j A', 'COMMIT']],
      [
        'too many ports',
        [
          '*nat',
          ':A - [0:0]',
          '-A A -p tcp -m multiport --dports 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16 -j ACCEPT',
          'COMMIT',
        ],
      ],
      [
        'ports without a protocol',
        ['*nat', ':A - [0:0]', '-A A -m multiport --dports 1 -j ACCEPT', 'COMMIT'],
      ],
      ['a name too long', ['*nat', `:${'A'.repeat(32)} - [0:0]`, 'COMMIT']],
      ['a chain that is declared too late', ['*nat', ':A - [0:0]', '-A A -j B', ':B - [0:0]', 'COMMIT']],
      [
        'a second table: the first stays',
        ['*nat', ':FIRST - [0:0]', 'COMMIT', '*filter', ':A - [0:0]', '-A NOPE -j ACCEPT', 'COMMIT'],
      ],
      ['a word too much', ['*nat', ':A - [0:0]', '-A A stray -j ACCEPT', 'COMMIT']],
      ['-t on a line', ['*nat', ':A - [0:0]', '-A A -t nat -j ACCEPT', 'COMMIT']],
      ['an address that is none', ['*nat', ':A - [0:0]', '-A A -s 1.2.3.4/99 -j ACCEPT', 'COMMIT']],
    ])('refuses in the same words: %s', async (_, lines) => {
      const ofFamily = lines.map((line) =>
        base === 'ip6tables' ? line.replace('1.2.3.4/99', 'fd00::1/199') : line,
      );
      await sameAnswers(base, variant, [restores(...ofFamily), SAVE]);
    });

    it('changes rules one by one, in the same words', async () => {
      const steps = [
        ' --version',
        ' -t nat -N A',
        ' -t nat -N A',
        ' -t nat -A OUTPUT -j A',
        ' -t nat -C OUTPUT -j A',
        ' -t nat -C OUTPUT -j ACCEPT',
        ' -t nat -C NOPE -j ACCEPT',
        ' -t nat -X A',
        ' -t nat -I OUTPUT -p tcp -j REDIRECT --to-ports 80',
        ' -t nat -I OUTPUT 2 -p udp -m comment --comment "two words" -m udp --dport 53 -j REDIRECT --to-ports 5353',
        ' -t nat -S',
        ' -t nat -S OUTPUT',
        ' -t nat -I OUTPUT 9 -j ACCEPT',
        ' -t nat -D OUTPUT 9',
        ' -t nat -D OUTPUT -j A',
        ' -t nat -D OUTPUT -j A',
        ' -t nat -F NOPE',
        ' -t nat -A NOPE -j ACCEPT',
        ' -t nat -S NOPE',
        ' -t nat -A OUTPUT -j NOPE',
        ' -t nat -X A',
        ' -t nat -P OUTPUT FOO',
        ' -P FORWARD DROP',
        ' -w 5 -t nat -F OUTPUT',
        ' -t frob -S',
        ' -t nat',
        ' -A INPUT -p tcp -m tcp --dport 99999 -j ACCEPT',
        ' -A INPUT -o eth0 -j ACCEPT',
        ' -A INPUT -j OUTPUT',
        '-save -t nat',
        '-save -c -t filter',
        '-save -t frob',
      ];
      await sameAnswers(
        base,
        variant,
        steps.map((words) => ({ words })),
      );
    });

    it('lists rules alike', async () => {
      const error = base === 'iptables' ? 'icmp-port-unreachable' : 'icmp6-port-unreachable';
      const [address, destination] =
        base === 'iptables' ? ['10.0.0.1', '10.0.0.1:80'] : ['fd00::1', '[fd00::1]:80'];
      await sameAnswers(base, variant, [
        restores(
          '*filter',
          ':A - [0:0]',
          '-A A -p tcp -m multiport --dports 40001,40002 -j DROP',
          `-A A -s ${address} ! -i lo -p udp -m comment --comment "a b" -m udp --dport 53 -m state --state NEW -m conntrack ! --ctstate DNAT -j REJECT --reject-with ${error}`,
          '-A A -m mark --mark 0x4000/0x4000 -j RETURN',
          '-A A -m addrtype --dst-type LOCAL -m physdev ! --physdev-is-in',
          '-A A -p tcp -m tcp --sport 1:5 ! --dport 80 -j ACCEPT',
          '-A INPUT -j A',
          'COMMIT',
          '*nat',
          `-A OUTPUT ! -d ${address} -p tcp -j DNAT --to-destination ${destination}`,
          '-A OUTPUT -p tcp -j REDIRECT --to-ports 80',
          'COMMIT',
        ),
        { words: ' -nvxL A' },
        { words: ' -n -L A' },
        { words: ' -L -n' },
        { words: ' -t nat -L OUTPUT -v -x -n' },
      ]);
    });

    it('keeps what is not named, and flushes what is declared', async () => {
      await sameAnswers(base, variant, [
        restores(
          '*nat',
          ':A - [0:0]',
          ':B - [0:0]',
          '-A A -j B',
          '-A B -j ACCEPT',
          '-A OUTPUT -j A',
          'COMMIT',
        ),
        restores('*nat', ':B - [0:0]', '-A B -p tcp -j ACCEPT', ':OUTPUT ACCEPT [0:0]', 'COMMIT'),
        SAVE,
        restores('*nat', ':A - [0:0]', '-D OUTPUT -j A', '-X A', 'COMMIT', '*filter', 'COMMIT'),
        SAVE,
        { words: '-restore --noflush --test', input: '*nat\n:TESTED - [0:0]\nCOMMIT\n' },
        // (ip6tables-nft 1.8.9 loses the counters of a rule.)
        {
          words: `-restore --noflush ${base === 'iptables' ? '--counters ' : ''}-w 5`,
          input: '*raw\n[3:4] -A OUTPUT -j ACCEPT\nCOMMIT\n',
        },
        { words: '-save -c' },
        { words: '-restore -n -T nat', input: '*filter\n:C - [0:0]\nCOMMIT\n*nat\n:C - [0:0]\nCOMMIT\n' },
        SAVE,
        { words: '-restore', input: '*nat\n:D - [0:0]\nCOMMIT\n' },
        SAVE,
      ]);
    });
  });
});

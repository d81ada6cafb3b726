import { describe, expect, it } from 'vitest';
import type { IPFamily } from '../../../src/model/address.js';
import { findPrograms } from '../../../src/steering/iptables/find-programs.js';
import { IptablesCommands } from '../../../src/steering/iptables/iptables-programs.js';
import { isLockHeld, probe, transaction } from '../../../src/steering/iptables/probe.js';
import type { Capabilities } from '../../../src/steering/iptables/rule-text.js';
import { ALL_CAPABILITIES } from '../../../src/steering/iptables/rule-text.js';
import { FakeIptables, type FakeIptablesOptions } from '../../support/iptables/fake-iptables.js';

const LOCKED = 'Another app is currently holding the xtables lock. Stopped waiting after 5s.\n';

async function commandsOf(fake: FakeIptables, family: IPFamily = 'IPv4'): Promise<IptablesCommands> {
  const [programs] = await findPrograms(family, { runner: fake, find: fake.find, readText: fake.readText });
  if (programs === undefined) throw new Error('there are no programs');
  fake.forgetCommands();
  return new IptablesCommands(fake, programs, fake.find);
}

async function probeOn(options: FakeIptablesOptions, family: IPFamily = 'IPv4'): Promise<Capabilities> {
  return probe(await commandsOf(new FakeIptables(options), family), family);
}

describe('the probe of what the kernel takes', () => {
  it.each(['IPv4', 'IPv6'] as const)(
    'finds all of it with %s where all is there, with one try for each table',
    async (family) => {
      const fake = new FakeIptables();
      expect(await probe(await commandsOf(fake, family), family)).toEqual(ALL_CAPABILITIES);
      // One that writes and one that cleans up, for nat and for filter.
      expect(fake.commands).toHaveLength(4);
    },
  );

  it.each<[keyof Capabilities, NonNullable<FakeIptablesOptions['kernelLacks']>]>([
    ['comment', ['comment']],
    ['addrtype', ['addrtype']],
    ['multiport', ['multiport']],
    ['conntrack', ['conntrack']],
    ['state', ['state']],
    ['reject', ['REJECT']],
  ])('finds that %s is missing, in the kernel or in the program, and that alone', async (name, lacking) => {
    const expected = { ...ALL_CAPABILITIES, [name]: false };
    for (const plain of ['legacy', 'nft'] as const) {
      expect(await probeOn({ plain, kernelLacks: lacking })).toEqual(expected);
      expect(await probeOn({ plain, programLacks: lacking })).toEqual(expected);
    }
  });

  it('finds several missing', async () => {
    const kernelLacks = ['comment', 'addrtype', 'multiport', 'conntrack', 'state', 'REJECT'] as const;
    const none = Object.fromEntries(Object.keys(ALL_CAPABILITIES).map((name) => [name, false]));
    expect(await probeOn({ kernelLacks })).toEqual(none);
  });

  it.each<[string, FakeIptablesOptions]>([
    ['no nat table', { missingTables: [{ family: 'IPv4', table: 'nat' }] }],
    ['no REDIRECT', { kernelLacks: ['REDIRECT'] }],
    ['no DNAT', { kernelLacks: ['DNAT'] }],
    ['no REDIRECT in the program', { programLacks: ['REDIRECT'] }],
  ])('fails, in the words of the program, where there is %s', async (_, options) => {
    await expect(probeOn(options)).rejects.toMatchObject({
      code: 'STEERING_FAILED',
      message: expect.stringMatching(/^iptables-restore/),
    });
  });

  it('fails for one family and works for the other', async () => {
    const options: FakeIptablesOptions = { missingTables: [{ family: 'IPv6', table: 'nat' }] };
    await expect(probeOn(options, 'IPv6')).rejects.toMatchObject({ code: 'STEERING_FAILED' });
    expect(await probeOn(options)).toEqual(ALL_CAPABILITIES);
  });

  it.each<[string, FakeIptablesOptions]>([
    ['all is there', {}],
    ['something is missing', { kernelLacks: ['addrtype', 'conntrack'] }],
    ['it cannot steer', { kernelLacks: ['DNAT'] }],
  ])('leaves everything as it was where %s', async (_, options) => {
    const fake = new FakeIptables(options);
    for (const table of ['nat', 'filter']) await fake.somebody(`iptables -t ${table} -A OUTPUT -j ACCEPT`);
    const before = fake.saved('IPv4');
    await probe(await commandsOf(fake), 'IPv4').catch(() => undefined);
    expect(fake.saved('IPv4')).toBe(before);
  });

  it('takes away what an earlier one left, which was killed', async () => {
    const fake = new FakeIptables();
    await fake.somebody('iptables -N KUBE-PORTALS-PROBE');
    await fake.somebody('iptables -A KUBE-PORTALS-PROBE -j RETURN');
    expect(await probe(await commandsOf(fake), 'IPv4')).toEqual(ALL_CAPABILITIES);
    expect(fake.saved('IPv4')).not.toContain('KUBE-');
  });

  it.each([1, 3])(
    'fails where somebody holds the lock, rather than find less: at command %i',
    async (nth) => {
      const fake = new FakeIptables();
      const commands = await commandsOf(fake);
      const restore = commands.restore.bind(commands);
      let count = 0;
      commands.restore = (input) => {
        count += 1;
        if (count === nth) fake.failNext({ exitCode: 4, stderr: LOCKED });
        return restore(input);
      };
      await expect(probe(commands, 'IPv4')).rejects.toMatchObject({
        code: 'STEERING_FAILED',
        message: expect.stringContaining('holding the xtables lock'),
      });
    },
  );
});

describe('what iptables-restore reads', () => {
  it('is a table, its lines and a commit', () => {
    expect(transaction('nat', [':A - [0:0]', '-A A -j RETURN'])).toBe(
      '*nat\n:A - [0:0]\n-A A -j RETURN\nCOMMIT\n',
    );
  });
});

describe('a lock that is held', () => {
  it.each([
    LOCKED,
    'Another app is currently holding the xtables lock. Perhaps you want to use the -w option?\n',
    'Another app is currently holding the xtables lock; waiting (1s) for it to exit...\n',
  ])('is known by the words %j', (words) => {
    expect(isLockHeld(words)).toBe(true);
  });

  it('is not what any other failure says', () => {
    expect(isLockHeld('iptables-restore: line 2 failed')).toBe(false);
  });
});

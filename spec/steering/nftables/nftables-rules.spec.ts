import { chmodSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { NftablesRules } from '../../../src/steering/nftables/nftables-rules.js';
import { probeNftables } from '../../../src/steering/nftables/probe.js';
import { NOTHING_STEERED, type SteeringPlace, type SteeringState } from '../../../src/steering/steering.js';
import { NetnsCommands } from '../../support/netns-commands.js';
import { NetworkNamespace } from '../../support/network/network-namespace.js';
import { missingFor } from '../../support/network/requirements.js';
import { aPlace, aRedirect, steeringState } from '../../support/steering-values.js';
import { temporaryDirectory } from '../../support/temporary-directory.js';

const missing = missingFor('nftables');

const LIST_IPV4 = 'nft -nn list table ip kube-splice';
const LIST_IPV6 = 'nft -nn list table ip6 kube-splice';
const TRANSACTION = 'nft -f -';

/** A ClusterIP of each family, a load balancer for some, a NodePort; one of them without endpoints. */
function variedState(): SteeringState {
  const portal = { address: '::', port: 40_001 };
  return steeringState(
    aRedirect({ portal }),
    aRedirect({ address: 'fd00:10:96::1', portal }),
    aRedirect({
      kind: 'LoadBalancer',
      address: '172.30.0.200',
      portal,
      sourceRanges: ['10.1.0.0/16', '10.2.0.1/32'],
    }),
    aRedirect({ kind: 'NodePort', port: 30_080, portal }),
    aRedirect({ address: '10.96.0.2', verdict: 'reject', portal: { address: '::', port: 40_002 } }),
    aRedirect({
      kind: 'ExternalIP',
      address: '172.30.0.100',
      verdict: 'drop',
      portal: { address: '::', port: 40_003 },
      fromNode: { portal, verdict: 'redirect' },
    }),
  );
}

describe.skipIf(missing !== '')(`the tables of nftables${missing}`, () => {
  let namespace: NetworkNamespace;
  let commands: NetnsCommands;
  beforeAll(async () => {
    namespace = await NetworkNamespace.create('nft');
    commands = new NetnsCommands(namespace.name);
  });
  afterEach(async () => {
    await nft('flush ruleset');
    commands.forget();
  });
  afterAll(() => namespace.delete());

  const nft = (line: string): Promise<string> => namespace.output(['nft', ...line.split(' ')]);

  const rulesWith = (place: Partial<SteeringPlace> = {}, program = 'nft'): NftablesRules =>
    new NftablesRules({ runner: commands, place: aPlace(place), program });

  /** Everything there is, counts and the order of elements aside. */
  const ruleset = async (): Promise<readonly string[]> => {
    const text = await nft('-s list ruleset');
    const lines = text.split('\n').flatMap((line) => line.replace(/elements = \{|\}/g, '').split(','));
    return lines.map((line) => line.trim()).toSorted();
  };

  /** What these calls run, apart from finding out what works. */
  const commandsOf = async (calls: () => Promise<void>): Promise<readonly string[]> => {
    commands.forget();
    await calls();
    return commands.lines;
  };

  it('are written in one transaction, and read again where everything is to be compared', async () => {
    const rules = rulesWith();
    expect(await rules.whyNot('IPv4')).toBeNull();
    expect(await rules.whyNot('IPv6')).toBeNull();
    const state = variedState();
    expect(await commandsOf(() => rules.write(state, 'everything'))).toEqual([
      LIST_IPV4,
      LIST_IPV6,
      TRANSACTION,
    ]);
    expect(await commandsOf(() => rules.write(state, 'everything'))).toEqual([LIST_IPV4, LIST_IPV6]);
    expect(await commandsOf(() => rules.write(state, 'changes'))).toEqual([]);
  });

  it('are told of each redirect as the kernel has them, and of none that was not written', async () => {
    const rules = rulesWith();
    const state = variedState();
    const [web, web6, loadBalancer, , refused] = state.redirects;
    expect(rules.rulesOf(web ?? aRedirect())).toEqual([]);
    await rules.write(state, 'everything');
    const told = state.redirects.map((redirect) => rules.rulesOf(redirect));
    expect(told[state.redirects.indexOf(web ?? aRedirect())]).toEqual([
      'table ip kube-splice: map services: 6 . 10.96.0.1 . 80 : 40001',
    ]);
    expect(rules.rulesOf(web6 ?? aRedirect())).toEqual([
      'table ip6 kube-splice: map services: 6 . fd00:10:96::1 . 80 : 40001',
    ]);
    expect(rules.rulesOf(refused ?? aRedirect())).toEqual([
      'table ip kube-splice: map refused: 6 . 10.96.0.2 . 80 : goto refuse-at-once',
    ]);
    expect(rules.rulesOf(loadBalancer ?? aRedirect()).at(-1)).toMatch(/: chain sources-\w+: drop$/);
    for (const line of told.flat()) {
      const [, table = '', kind = '', name = '', text = ''] =
        /^(table ip6? kube-splice): (map|chain) ([\w-]+): (.+)$/.exec(line) ?? [];
      expect(await nft(`-nn list ${kind} ${table.replace('table ', '')} ${name}`)).toContain(text);
    }
    expect(rules.rulesOf(aRedirect({ address: '10.96.0.99' }))).toEqual([]);
    expect(rules.ruleCounts().size).toBe(0);
  });

  it('are found equal by whoever starts anew', async () => {
    await rulesWith().write(variedState(), 'everything');
    const rules = rulesWith();
    await rules.whyNot('IPv4');
    await rules.whyNot('IPv6');
    expect(await commandsOf(() => rules.write(variedState(), 'changes'))).toEqual([LIST_IPV4, LIST_IPV6]);
  });

  it('are changed by what differs, and by one transaction, whatever it is', async () => {
    const rules = rulesWith();
    await rules.write(variedState(), 'everything');
    const redirects = variedState()
      .redirects.slice(1)
      .map((redirect) => ({
        ...redirect,
        sourceRanges: redirect.sourceRanges.length > 0 ? ['10.3.0.0/16'] : [],
      }));
    const after = steeringState(
      ...redirects,
      aRedirect({ address: '10.96.0.3', portal: { address: '::', port: 40_004 } }),
    );
    expect(await commandsOf(() => rules.write(after, 'changes'))).toEqual([TRANSACTION]);
    expect(commands.commands[0]?.input).toContain(
      'add element ip kube-splice services { 6 . 10.96.0.3 . 80 : 40004 }',
    );
    expect(commands.commands[0]?.input).not.toContain('delete table');
    const changed = await ruleset();
    await nft('flush ruleset');
    await rulesWith().write(after, 'everything');
    expect(await ruleset()).toEqual(changed);
  });

  it('are there in a family only as long as something is steered or guarded in it', async () => {
    const rules = rulesWith();
    await rules.write(NOTHING_STEERED, 'everything');
    expect(await nft('list tables')).toBe('');
    await rules.write(steeringState(aRedirect()), 'changes');
    expect(await nft('list tables')).toBe('table ip kube-splice\n');
    await rules.write(variedState(), 'changes');
    expect(await nft('list tables')).toBe('table ip kube-splice\ntable ip6 kube-splice\n');
    await rules.write(NOTHING_STEERED, 'changes');
    expect(await nft('list tables')).toBe('');
    expect(await commandsOf(() => rules.write(NOTHING_STEERED, 'everything'))).toEqual([]);
  });

  it.each([
    ['a flushed ruleset', ['flush ruleset']],
    ['a flushed table', ['flush table ip kube-splice']],
    ['a flushed chain', ['flush chain ip kube-splice nat-prerouting']],
    ['flushed sources', ['flush chain ip kube-splice SOURCES']],
    ['a deleted table', ['delete table ip6 kube-splice']],
    ['deleted elements', ['delete element ip kube-splice services { 6 . 10.96.0.1 . 80 }']],
    ['a flushed map', ['flush map ip kube-splice refused']],
    ['a rule of somebody in it', ['insert rule ip kube-splice filter-input accept']],
    ['a chain of somebody in it', ['add chain ip kube-splice mine']],
    ['a counter of somebody in it', ['add counter ip kube-splice mine']],
    ['an element of somebody in it', ['add element ip kube-splice portals { 6 . 22 }']],
    [
      'an element that leads elsewhere',
      [
        'delete element ip kube-splice services { 6 . 10.96.0.1 . 80 }',
        'add element ip kube-splice services { 6 . 10.96.0.1 . 80 : 22 }',
      ],
    ],
  ])('are put right after %s, and nothing more is done then', async (_, mischief) => {
    const rules = rulesWith();
    await rules.write(variedState(), 'everything');
    const right = await ruleset();
    const sources = /chain (sources-\w+)/.exec(await nft('list table ip kube-splice'))?.[1] ?? '';
    for (const line of mischief) await nft(line.replace('SOURCES', sources));
    expect(await ruleset()).not.toEqual(right);
    await rules.write(variedState(), 'everything');
    expect(await ruleset()).toEqual(right);
    expect(await commandsOf(() => rules.write(variedState(), 'everything'))).toEqual([LIST_IPV4, LIST_IPV6]);
  });

  it('are read again where a change is refused, because somebody else has been there', async () => {
    const rules = rulesWith();
    await rules.write(variedState(), 'everything');
    await nft('flush map ip kube-splice services');
    const [, ...redirects] = variedState().redirects;
    const after = { ...variedState(), redirects };
    expect(await commandsOf(() => rules.write(after, 'changes'))).toEqual([
      TRANSACTION,
      LIST_IPV4,
      LIST_IPV6,
      TRANSACTION,
    ]);
    expect(await commandsOf(() => rules.write(after, 'everything'))).toEqual([LIST_IPV4, LIST_IPV6]);
  });

  it('keep what they have counted when rules are written anew', async () => {
    const rules = rulesWith();
    expect(await rules.refused()).toBeNull();
    await rules.write(variedState(), 'everything');
    const counted = (await nft('-nn list table ip kube-splice')).replaceAll(
      /(counter packets) 0 bytes 0/g,
      '$1 7 bytes 420',
    );
    await namespace.output(['nft', '-f', '-'], { input: `delete table ip kube-splice\n${counted}` });
    expect(await rules.refused()).toEqual({ connections: 7, datagrams: 7 });
    await nft('flush chain ip kube-splice nat-output');
    await rules.write(variedState(), 'everything');
    expect(await rules.refused()).toEqual({ connections: 7, datagrams: 7 });
  });

  it('leave the tables of others as they are', async () => {
    const foreign = `table ip filter {
	set kube-splice { type ipv4_addr; elements = { 10.96.0.1 }; }
	chain INPUT { type filter hook input priority 0; policy drop; ip saddr @kube-splice accept; }
}
table inet kube-splice { chain input { type filter hook input priority 0; counter; }; }
table ip kube-splice-2 { chain nothing { accept; }; }
`;
    await namespace.output(['nft', '-f', '-'], { input: foreign });
    const before = await nft('-s list ruleset');
    const rules = rulesWith();
    await rules.write(variedState(), 'everything');
    expect((await nft('-s list ruleset')).startsWith(before.trimEnd())).toBe(true);
    await rules.write(steeringState(aRedirect()), 'changes');
    await rules.remove();
    expect(await nft('-s list ruleset')).toBe(before);
  });

  it('are removed, and written anew after that', async () => {
    const rules = rulesWith();
    await rules.remove();
    await rules.write(variedState(), 'everything');
    await rulesWith().remove();
    expect(await nft('list tables')).toBe('');
    await rules.write(variedState(), 'everything');
    await rules.remove();
    await rules.write(variedState(), 'changes');
    expect(await nft('list tables')).toBe('table ip kube-splice\ntable ip6 kube-splice\n');
  });

  it('follow the node to another address', async () => {
    let address = '172.30.0.1';
    const rules = rulesWith({ nodeAddress: (family) => (family === 'IPv4' ? address : null) });
    await rules.write(steeringState(aRedirect()), 'everything');
    address = '172.30.0.9';
    await rules.write(steeringState(aRedirect()), 'changes');
    const text = await nft('list table ip kube-splice');
    expect(text).toContain('dnat to 172.30.0.9:');
    expect(text).not.toContain('172.30.0.1');
  });

  it('cannot lead to portals on several addresses, and say so', async () => {
    const on = (address: string, port: number) => ({ portal: { address, port } });
    const state = steeringState(
      aRedirect(on('172.30.0.1', 40_001)),
      aRedirect({ address: '10.96.0.2', ...on('172.31.0.1', 40_002) }),
    );
    await expect(rulesWith().write(state, 'everything')).rejects.toMatchObject({
      code: 'STEERING_FAILED',
      message: expect.stringContaining('172.30.0.1 and on 172.31.0.1'),
    });
  });

  describe('with another nft', () => {
    /** A program that does as this shell script says; `nft` in it is the real one. */
    const program = (script: string): string => {
      const path = join(temporaryDirectory(), 'nft');
      writeFileSync(path, `#!/bin/sh\nPATH=/usr/sbin:$PATH\n${script}\n`);
      chmodSync(path, 0o755);
      return path;
    };

    it('that prints rules in other words, are equal from the second look on', async () => {
      const other = program(
        `text=$(nft "$@") || exit; printf '%s\\n' "$text" | sed -e 's/ct state 0x8/ct state new/; s/meta l4proto 6/meta l4proto tcp/; s/= { 6 /= { tcp /'`,
      );
      const rules = rulesWith({}, other);
      const looks = [`${other} -nn list table ip kube-splice`, `${other} -nn list table ip6 kube-splice`];
      await rules.write(variedState(), 'everything');
      const rewritten = await commandsOf(() => rules.write(variedState(), 'everything'));
      expect(rewritten).toEqual([...looks, `${other} -f -`, ...looks]);
      expect(await commandsOf(() => rules.write(variedState(), 'everything'))).toEqual(looks);
      await nft('flush chain ip kube-splice filter-input');
      await rules.write(variedState(), 'everything');
      expect(await nft('list chain ip kube-splice filter-input')).toContain('@portals');
    });

    it('that knows no fib, steer NodePorts by the addresses of the node', async () => {
      const old = program(`case "$1" in
-f) input=$(cat); case "$input" in *"fib "*) echo 'Error: syntax error, unexpected fib' >&2; exit 1; esac
  printf '%s\\n' "$input" | nft -f - ;;
*) nft "$@" ;;
esac`);
      const rules = rulesWith({}, old);
      await rules.write(variedState(), 'everything');
      expect(rules.description).toMatch(/^nft \d+\.\d+.*, without fib$/);
      const text = await nft('list chain ip kube-splice steer');
      expect(text).toContain('ip daddr 172.30.0.1 jump steer-ports');
      expect(text).toContain('ip daddr 127.0.0.1 jump steer-ports');
      await rules.write(variedState(), 'everything');
      expect(commands.lines.at(-1)).toBe(`${old} -nn list table ip6 kube-splice`);
    });

    it('that fails once, have fib all the same', async () => {
      const failed = join(temporaryDirectory(), 'failed');
      const flaky = program(`case "$1" in
-f) if [ ! -e '${failed}' ]; then touch '${failed}'; cat >/dev/null; echo 'Error: busy' >&2; exit 1; fi ;;
esac
exec nft "$@"`);
      const rules = rulesWith({}, flaky);
      await rules.write(variedState(), 'everything');
      expect(existsSync(failed)).toBe(true);
      expect(rules.description).toMatch(/^nft \d+\.\d+[^,]*$/);
      expect(await nft('list chain ip kube-splice steer')).toContain('fib daddr type local');
    });

    it('that fails, are not written, and its words are told', async () => {
      const broken =
        program(`echo '/dev/stdin:1:1-2: Error: Could not process rule: Operation not permitted' >&2
echo 'add table ip kube-splice' >&2; exit 1`);
      const rules = rulesWith({}, broken);
      const reason = 'nft -f -: /dev/stdin:1:1-2: Error: Could not process rule: Operation not permitted';
      expect(await rules.whyNot('IPv4')).toBe(reason);
      await expect(rules.write(variedState(), 'everything')).rejects.toMatchObject({
        code: 'STEERING_FAILED',
        message: reason,
      });
      await expect(rules.remove()).rejects.toMatchObject({ code: 'STEERING_FAILED' });
      expect(await probeNftables(commands, broken)).toEqual({ families: new Set(), reason });
    });

    it('that fails for a while, are as they were meanwhile, and written afterwards', async () => {
      const flag = join(temporaryDirectory(), 'broken');
      const failing = program(`[ -e ${flag} ] && [ "$1" = -f ] && { echo 'Error: enough of it' >&2; exit 1; }
exec nft "$@"`);
      const rules = rulesWith({}, failing);
      await rules.write(steeringState(aRedirect()), 'everything');
      const before = await ruleset();
      writeFileSync(flag, '');
      await expect(rules.write(variedState(), 'changes')).rejects.toThrow('enough of it');
      expect(await ruleset()).toEqual(before);
      rmSync(flag);
      await rules.write(variedState(), 'everything');
      expect(await nft('list tables')).toContain('table ip6 kube-splice');
    });
  });

  it('are known to work here, of both families, and probing leaves nothing behind', async () => {
    expect(await probeNftables(commands, 'nft')).toEqual({
      families: new Set(['IPv4', 'IPv6']),
      reason: null,
    });
    expect(await nft('list ruleset')).toBe('');
  });

  it('cannot be written where there is no nft', async () => {
    const rules = new NftablesRules({ runner: commands, place: aPlace(), program: '/nowhere/nft' });
    expect(await rules.whyNot('IPv4')).toContain('/nowhere/nft');
  });
});

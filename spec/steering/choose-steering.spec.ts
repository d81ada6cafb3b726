import { describe, expect, it } from 'vitest';
import type { Command, CommandResult, CommandRunner } from '../../src/host/command-runner.js';
import { KubeSpliceError } from '../../src/model/errors.js';
import { chooseSteering, removeAllRules } from '../../src/steering/choose-steering.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { aPlace, aRedirect, steeringState } from '../support/steering-values.js';

type Answer = Partial<CommandResult>;

/** A host whose programs answer as they are told to; what is not named does not exist. */
class TestHost implements CommandRunner {
  readonly ran: string[] = [];

  constructor(private readonly answers: Readonly<Record<string, Answer>>) {}

  readonly logger = new RecordingLogger();
  readonly place = aPlace();
  readonly runner = this;
  readonly find = (name: string): string | null =>
    name.replace(/-(save|restore)$/, '') in this.answers ? `/sbin/${name}` : null;

  run({ program, args }: Command): Promise<CommandResult> {
    const name = program.split('/').at(-1) ?? '';
    this.ran.push([name, ...args].join(' '));
    const answer = this.answers[name.replace(/-(save|restore)$/, '')];
    if (answer === undefined)
      return Promise.reject(new KubeSpliceError('COMMAND_NOT_FOUND', `there is no program "${name}"`));
    if (args[0] === '--version')
      return Promise.resolve({ exitCode: 0, stdout: `${name} v1.4.7`, stderr: '' });
    return Promise.resolve({ exitCode: 0, stdout: '', stderr: '', ...answer });
  }
}

const WORKS: Answer = {};
const FORBIDDEN: Answer = { exitCode: 3, stderr: 'Permission denied (you must be root)\n' };
const LOCKED: Answer = {
  exitCode: 4,
  stderr: 'Another app is currently holding the xtables lock. Stopped waiting after 5s.\n',
};

describe('the choice of steering', () => {
  it('is none where that was asked for, and runs nothing', async () => {
    const host = new TestHost({ iptables: WORKS, nft: WORKS });
    const chosen = await chooseSteering('none', host);
    expect(chosen).toMatchObject({ steering: { kind: 'none' }, reason: '--steering=none', warning: null });
    expect(host.ran).toEqual([]);
  });

  it('is iptables where it works', async () => {
    const chosen = await chooseSteering('auto', new TestHost({ iptables: WORKS, nft: WORKS }));
    expect(chosen).toMatchObject({
      steering: { kind: 'iptables' },
      reason: '--steering=auto: iptables 1.4.7 (legacy) works',
      warning: null,
    });
  });

  it.each([
    ['is not there', {}, 'there is no iptables with iptables-save and iptables-restore'],
    ['does not work', { iptables: FORBIDDEN }, 'Permission denied (you must be root)'],
  ])('is nftables where iptables %s', async (_, others, words) => {
    const chosen = await chooseSteering('auto', new TestHost({ ...others, nft: WORKS }));
    expect(chosen.steering.kind).toBe('nftables');
    expect(chosen.reason).toMatch(/^--steering=auto: nft.* works; iptables: /);
    expect(chosen.reason).toContain(words);
    expect(chosen.warning).toBeNull();
  });

  it('is none where neither works, with a warning that says what is missing and what works without', async () => {
    const chosen = await chooseSteering('auto', new TestHost({ iptables: FORBIDDEN }));
    expect(chosen.steering.kind).toBe('none');
    expect(chosen.warning).toMatchObject({ code: 'STEERING_UNAVAILABLE' });
    expect(chosen.warning?.message).toContain('Permission denied (you must be root)');
    expect(chosen.warning?.message).toContain('there is no program "nft"');
    expect(chosen.warning?.message).toContain('Portals work');
  });

  it('is iptables, too, where another program holds its lock for the moment', async () => {
    const chosen = await chooseSteering('auto', new TestHost({ iptables: LOCKED, nft: WORKS }));
    expect(chosen.steering.kind).toBe('iptables');
    expect(chosen.reason).toContain('it does not work yet');
  });

  it.each(['iptables', 'nftables'] as const)(
    'is %s where that was asked for, though it does not work yet: each sync says why',
    async (asked) => {
      const chosen = await chooseSteering(asked, new TestHost({}));
      expect(chosen.steering.kind).toBe(asked);
      expect(chosen.reason).toMatch(new RegExp(`^--steering=${asked}: it does not work yet: there is no `));
      const applying = chosen.steering.apply(steeringState(aRedirect()), 'everything');
      await expect(applying).rejects.toMatchObject({ code: 'STEERING_FAILED' });
    },
  );
});

describe('the removal of all rules', () => {
  it('asks for nothing of programs that are not there', async () => {
    const host = new TestHost({});
    await removeAllRules(host);
    expect(host.ran).toEqual([]);
  });

  it('goes on with nftables where iptables fails, and tells that it failed', async () => {
    const host = new TestHost({ 'iptables-nft': FORBIDDEN, nft: WORKS });
    await expect(removeAllRules(host)).rejects.toThrow('Permission denied (you must be root)');
    expect(host.ran).toContain('nft list tables');
  });
});

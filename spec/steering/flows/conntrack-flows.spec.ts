import { describe, expect, it } from 'vitest';
import type { Command, CommandResult, CommandRunner } from '../../../src/host/command-runner.js';
import { KubeSpliceError } from '../../../src/model/errors.js';
import { ConntrackFlows } from '../../../src/steering/flows/conntrack-flows.js';
import { NOTHING_STEERED, type Redirect } from '../../../src/steering/steering.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { aRedirect, steeringState } from '../../support/steering-values.js';

const NODE = '172.30.0.1';

/** A `conntrack` that knows these flows, and forgets none. */
class FakeConntrack implements CommandRunner {
  readonly commands: string[] = [];
  readonly flows = new Map<string, string>();
  readonly failures: (CommandResult | KubeSpliceError)[] = [];
  deletion: CommandResult = { exitCode: 0, stdout: '', stderr: '1 flow entries have been deleted.' };

  async run({ program, args }: Command): Promise<CommandResult> {
    this.commands.push([program, ...args].join(' '));
    const failure = this.failures.shift();
    if (failure instanceof KubeSpliceError) throw failure;
    if (failure !== undefined) return failure;
    if (args[0] === '-D') return this.deletion;
    return {
      exitCode: 0,
      stdout: this.flows.get(args[4] ?? '') ?? '',
      stderr: '1 flow entries have been shown.',
    };
  }

  deletions(): string[] {
    return this.commands
      .filter((command) => command.includes(' -D '))
      .map((command) => command.split(' -D ')[1] ?? '');
  }
}

function dns(changes: Partial<Redirect> = {}): Redirect {
  return aRedirect({ protocol: 'UDP', address: '10.96.0.10', port: 53, ...changes });
}

function line(sentTo: string, port: number, goesTo: string, portalPort: number, client = 4096): string {
  return `udp 17 29 src=10.1.0.2 dst=${sentTo} sport=${client} dport=${port} src=${goesTo} dst=10.1.0.2 sport=${portalPort} dport=${client} [ASSURED] mark=0 use=1\n`;
}

function start() {
  const conntrack = new FakeConntrack();
  const logger = new RecordingLogger();
  const flows = new ConntrackFlows({
    runner: conntrack,
    find: (name) => `/usr/sbin/${name}`,
    logger,
    localAddresses: (family) => (family === 'IPv4' ? [NODE] : ['fd00:30::1']),
  });
  return { conntrack, logger, flows };
}

const OLD = steeringState(dns());
const NEW = steeringState(dns({ portal: { address: '0.0.0.0', port: 40_002 } }));

describe('the removal of stale UDP flows', () => {
  it('deletes what goes to the old portal, in one command however many clients there are', async () => {
    const { conntrack, logger, flows } = start();
    conntrack.flows.set(
      'ipv4',
      line('10.96.0.10', 53, NODE, 40_001) +
        line('10.96.0.10', 53, NODE, 40_001, 5000) +
        line('10.96.0.10', 53, NODE, 40_002, 6000) +
        line('8.8.8.8', 53, '8.8.8.8', 53),
    );
    await flows.update(OLD, NEW);
    expect(conntrack.commands).toEqual([
      '/usr/sbin/conntrack -L -p udp -f ipv4',
      `/usr/sbin/conntrack -D -p udp -f ipv4 --orig-dst 10.96.0.10 --orig-port-dst 53 --reply-src ${NODE} --reply-port-src 40001`,
    ]);
    expect(logger.lines).toEqual([
      { level: 2, message: 'stale UDP flows removed', fields: { flows: 2, commands: 1 } },
    ]);
  });

  it('looks at the families that there are ways of', async () => {
    const { conntrack, flows } = start();
    conntrack.flows.set('ipv6', line('fd00:96::10', 53, 'fd00:30::1', 40_009));
    await flows.update(null, steeringState(dns(), dns({ address: 'fd00:96::10' })));
    expect(conntrack.commands.map((command) => command.replace('/usr/sbin/conntrack ', ''))).toEqual([
      '-L -p udp -f ipv4',
      '-L -p udp -f ipv6',
      '-D -p udp -f ipv6 --orig-dst fd00:96::10 --orig-port-dst 53 --reply-src fd00:30::1 --reply-port-src 40009',
    ]);
  });

  it('runs no command where UDP is steered as before', async () => {
    const { conntrack, flows } = start();
    const tcp = aRedirect({ port: 80 });
    await flows.update(null, NOTHING_STEERED);
    await flows.update(null, steeringState(tcp));
    await flows.update(steeringState(tcp), steeringState({ ...tcp, port: 81 }));
    await flows.update(OLD, OLD);
    await flows.update(OLD, steeringState(tcp, { ...dns(), servicePort: 'default/renamed' }));
    expect(conntrack.commands).toEqual([]);
  });

  it.each([
    ['its portal', dns({ portal: { address: '0.0.0.0', port: 40_002 } })],
    ['what becomes of it', dns({ verdict: 'reject' })],
    ['who may use it', dns({ sourceRanges: ['10.0.0.0/8'] })],
    [
      'where the node sends it',
      dns({ fromNode: { portal: { address: '0.0.0.0', port: 40_003 }, verdict: 'redirect' } }),
    ],
    ['its address', dns({ address: '10.96.0.11' })],
  ])('looks where a way in changes %s', async (_what, redirect) => {
    const { conntrack, flows } = start();
    await flows.update(OLD, steeringState(redirect));
    expect(conntrack.commands).toEqual(['/usr/sbin/conntrack -L -p udp -f ipv4']);
  });

  it('looks at a family whose last way is gone', async () => {
    const { conntrack, flows } = start();
    conntrack.flows.set('ipv4', line('10.96.0.10', 53, NODE, 40_001));
    await flows.update(OLD, NOTHING_STEERED);
    expect(conntrack.deletions()).toHaveLength(1);
  });

  it('takes it well where a flow has ended meanwhile', async () => {
    const { conntrack, logger, flows } = start();
    conntrack.flows.set('ipv4', line('10.96.0.10', 53, NODE, 40_001));
    conntrack.deletion = {
      exitCode: 1,
      stdout: '',
      stderr: 'conntrack v1.4.7 (conntrack-tools): 0 flow entries have been deleted.\n',
    };
    await flows.update(OLD, NEW);
    await flows.update(NEW, NEW);
    expect(conntrack.deletions()).toHaveLength(1);
    expect(logger.messages('warn')).toEqual([]);
  });
});

describe('flows that could not be removed', () => {
  const MISSING = new KubeSpliceError('COMMAND_NOT_FOUND', 'there is no program "conntrack"');
  const DENIED: CommandResult = {
    exitCode: 1,
    stdout: '',
    stderr: 'conntrack v1.4.7 (conntrack-tools): Operation failed: Operation not permitted\n',
  };

  it('are told of once, in the words of the program, until they are removed', async () => {
    const { conntrack, logger, flows } = start();
    conntrack.failures.push(DENIED, DENIED);
    await flows.update(OLD, NEW);
    await flows.update(NEW, NEW);
    expect(logger.lines).toEqual([
      {
        level: 'warn',
        message: expect.stringMatching(/^FLOWS_NOT_REMOVED: .*conntrack -L: .*Operation not permitted$/),
        fields: { remedy: expect.stringContaining('conntrack') },
      },
    ]);
    await flows.update(NEW, NEW);
    conntrack.failures.push(MISSING);
    await flows.update(NEW, OLD);
    expect(logger.messages('warn')[1]).toMatch(/^FLOWS_NOT_REMOVED: .*there is no program "conntrack"$/);
  });

  it('are tried again at the next call, though nothing is different then, and not after', async () => {
    const { conntrack, flows } = start();
    conntrack.flows.set('ipv4', line('10.96.0.10', 53, NODE, 40_001));
    conntrack.failures.push(MISSING);
    await flows.update(OLD, NEW);
    expect(conntrack.deletions()).toEqual([]);
    await flows.update(NEW, NEW);
    expect(conntrack.deletions()).toHaveLength(1);
    await flows.update(NEW, NEW);
    expect(conntrack.commands).toHaveLength(3);
  });

  it('are remembered with their way, though that is long gone', async () => {
    const { conntrack, flows } = start();
    conntrack.flows.set('ipv4', line('10.96.0.10', 53, NODE, 40_001));
    conntrack.failures.push(MISSING);
    await flows.update(OLD, NOTHING_STEERED);
    await flows.update(NOTHING_STEERED, NOTHING_STEERED);
    expect(conntrack.deletions()).toHaveLength(1);
  });

  it('are tried again where a deletion failed, after the others', async () => {
    const { conntrack, logger, flows } = start();
    const many = Array.from({ length: 9 }, (_, n) => line('10.96.0.10', 53, NODE, 41_000 + n));
    conntrack.flows.set('ipv4', many.join(''));
    conntrack.deletion = DENIED;
    await flows.update(OLD, NEW);
    expect(logger.messages('warn')).toHaveLength(1);
    conntrack.deletion = { exitCode: 0, stdout: '', stderr: '' };
    const tried = conntrack.deletions().length;
    await flows.update(NEW, NEW);
    expect(conntrack.deletions().length - tried).toBe(9);
  });
});

import type { Command, CommandResult } from '../../../src/host/command-runner.js';
import { SpawnedCommands } from '../../../src/host/spawned-commands.js';
import type { PacketRules, SteeringState } from '../../../src/steering/steering.js';
import { isMessage } from '../../messages.js';
import type { Failed } from '../messages.js';
import { type BareProgram, bareProgram } from './bare-program.js';
import { watchEventLoop } from './event-loop.js';
import { packetRules } from './packet-rules.js';
import type { Changed, Checked, Loaded, RulesOrder, RulesReady, Written } from './rules-messages.js';
import type { RulesChange, RulesCheck } from './rules-result.js';
import { CHANGE_KINDS, changedState, changingServices, steeredServices } from './steered-services.js';

/** The process whose namespaces have no rules but those that it writes: as young as the program is when it starts. */

const runner = new SpawnedCommands();
let measured: MeasuredRules | undefined;

async function carryOut(order: RulesOrder): Promise<Written | Loaded | Changed | Checked> {
  switch (order.kind) {
    case 'write':
      measured = new MeasuredRules(
        packetRules(order.filter),
        bareProgram(order.filter),
        steeredServices(order.services),
      );
      return measured.write();
    case 'load':
      return { kind: 'loaded', ms: (await timed(() => runAll(order.commands))).ms };
    case 'change':
      return { kind: 'changed', changes: await written().change(order.services) };
    case 'check':
      return { kind: 'checked', checks: await written().check(order.times) };
  }
}

function written(): MeasuredRules {
  if (measured === undefined) throw new Error('no rules were written');
  return measured;
}

/** Rules, and what is measured of them. What a write is to change is looked at, so that one that does nothing fails. */
class MeasuredRules {
  readonly #services: number;

  constructor(
    private readonly rules: PacketRules,
    private readonly bare: BareProgram,
    private state: SteeringState,
  ) {
    this.#services = state.redirects.length;
  }

  async write(): Promise<Written> {
    const probe = await timed(async () => {
      const [reason] = [await this.rules.whyNot('IPv4'), await this.rules.whyNot('IPv6')];
      if (reason !== null) throw new Error(`IPv4 can't be steered: ${reason}`);
    });
    const { value, blockedMs } = await watchEventLoop(() =>
      timed(() => this.rules.write(this.state, 'everything')),
    );
    const texts = await this.#read();
    this.#mustCount(texts);
    return {
      kind: 'written',
      probeMs: probe.ms,
      ms: value.ms,
      blockedMs,
      commands: this.bare.loads(texts),
    };
  }

  async change(services: number): Promise<readonly RulesChange[]> {
    const changes: RulesChange[] = [];
    let before = contentOf(await this.#read());
    for (const number of changingServices(this.#services, services)) {
      for (const change of CHANGE_KINDS) {
        const state = changedState(this.state, change, number);
        const { value, blockedMs } = await watchEventLoop(() =>
          timed(() => this.rules.write(state, 'changes')),
        );
        this.state = state;
        const texts = await this.#read();
        const after = contentOf(texts);
        if (after === before) throw new Error(`${change}: no rule is another one`);
        before = after;
        const bare = await timed(() => runAll([this.bare.replacesOne(texts)]));
        changes.push({ change, ms: value.ms, bareMs: bare.ms, blockedMs });
      }
    }
    this.#mustCount(await this.#read());
    return changes;
  }

  async check(times: number): Promise<readonly RulesCheck[]> {
    const checks: RulesCheck[] = [];
    const before = contentOf(await this.#read());
    while (checks.length < times) {
      const { value, blockedMs } = await watchEventLoop(() =>
        timed(() => this.rules.write(this.state, 'everything')),
      );
      const bare = await timed(() => this.#read());
      if (contentOf(bare.value) !== before)
        throw new Error('a check has changed rules that were as they should be');
      checks.push({ ms: value.ms, bareMs: bare.ms, blockedMs });
    }
    return checks;
  }

  #mustCount(texts: readonly string[]): void {
    const count = this.bare.countServices(texts);
    if (count < this.#services) throw new Error(`${count} of ${this.#services} Services have rules`);
  }

  async #read(): Promise<readonly string[]> {
    return (await runAll(this.bare.reads)).map(({ stdout }) => stdout);
  }
}

async function runAll(commands: readonly Command[]): Promise<readonly CommandResult[]> {
  const results: CommandResult[] = [];
  for (const command of commands) {
    const result = await runner.run(command);
    if (result.exitCode !== 0) throw new Error(`${command.program}: ${result.stderr.trim()}`);
    results.push(result);
  }
  return results;
}

async function timed<Value>(
  work: () => Promise<Value>,
): Promise<{ readonly value: Value; readonly ms: number }> {
  const begun = performance.now();
  const value = await work();
  return { value, ms: performance.now() - begun };
}

/** The same for the same rules: without times and counters, and in an order of its own, which sets and maps have not. */
function contentOf(texts: readonly string[]): string {
  return texts
    .flatMap((text) => text.split('\n'))
    .filter((line) => !line.startsWith('#'))
    .flatMap((line) => line.replace(/\[\d+:\d+\]$|elements = \{|\}$/g, '').split(','))
    .map((part) => part.trim())
    .toSorted()
    .join('\n');
}

function tell(message: RulesReady | Written | Loaded | Changed | Checked | Failed): void {
  process.send?.(message);
}

process.once('disconnect', () => process.exit());
// Ctrl-C reaches every process of the terminal; the bench ends this one when it is ready to.
process.on('SIGINT', () => undefined);
process.on('message', (message: unknown) => {
  if (!isMessage<RulesOrder>(message, ['write', 'load', 'change', 'check'])) return;
  carryOut(message).then(tell, (error: unknown) => {
    tell({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
  });
});

tell({ kind: 'ready' });

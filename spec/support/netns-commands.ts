import type { Command, CommandResult, CommandRunner } from '../../src/host/command-runner.js';
import { SpawnedCommands } from '../../src/host/spawned-commands.js';

/** Runs programs inside a network namespace that has a name, and remembers what was asked of them. */
export class NetnsCommands implements CommandRunner {
  /** Every command since the last `forget`, as it was asked for. */
  readonly commands: Command[] = [];
  readonly #runner = new SpawnedCommands();

  constructor(private readonly namespace: string) {}

  run(command: Command): Promise<CommandResult> {
    this.commands.push(command);
    const args = ['netns', 'exec', this.namespace, command.program, ...command.args];
    return this.#runner.run({ ...command, program: 'ip', args });
  }

  forget(): void {
    this.commands.length = 0;
  }

  /** The commands as they would be typed, without what they read. */
  get lines(): readonly string[] {
    return this.commands.map(({ program, args }) => [program, ...args].join(' '));
  }
}

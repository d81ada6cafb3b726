import { type ChildProcess, spawn } from 'node:child_process';
import { KubeSpliceError, systemErrorCode } from '../model/errors.js';
import { quoted } from '../model/printable.js';
import type { Command, CommandResult, CommandRunner } from './command-runner.js';

const DEFAULT_TIMEOUT_MS = 60_000;

/** Bytes of an answer that are held: the rules of 100,000 Services make about 40 MiB. */
const MAX_OUTPUT_BYTES = 256 * 1024 * 1024;

/**
 * Programs as processes of their own, with arguments as they are: no shell. They speak English, because their words are
 * read: `LC_ALL=C`.
 */
export class SpawnedCommands implements CommandRunner {
  constructor(
    private readonly environment: Readonly<Record<string, string | undefined>> = process.env,
    private readonly maxOutputBytes = MAX_OUTPUT_BYTES,
  ) {}

  run(command: Command): Promise<CommandResult> {
    const { program, args, input = '', timeoutMs = DEFAULT_TIMEOUT_MS } = command;
    return new Promise((resolve, reject) => {
      let child: ChildProcess;
      try {
        const env = { ...this.environment, LC_ALL: 'C' };
        child = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
      } catch (error) {
        // Node throws what it refuses itself: a zero byte in an argument, or an error of the system that is rare.
        reject(notStarted(command, error));
        return;
      }
      let failure: KubeSpliceError | undefined;
      const giveUp = (why: string): void => {
        failure ??= failed(command, why);
        child.kill('SIGKILL');
        // A process that it started has its outputs as well, and may hold them open for as long as it likes.
        child.stdout?.destroy();
        child.stderr?.destroy();
      };
      const timer = setTimeout(() => giveUp(`it did not end within ${timeoutMs / 1000} s`), timeoutMs);
      let held = 0;
      const collect = (chunks: Buffer[]) => (chunk: Buffer) => {
        held += chunk.length;
        if (held > this.maxOutputBytes) giveUp(`it printed more than ${this.maxOutputBytes} bytes`);
        else chunks.push(chunk);
      };
      const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
      // Where no file descriptor is left for them, there are no streams, and an error comes.
      child.stdout?.on('data', collect(stdout));
      child.stderr?.on('data', collect(stderr));
      child.on('error', (error) => {
        clearTimeout(timer);
        reject(notStarted(command, error));
      });
      child.on('close', (exitCode) => {
        clearTimeout(timer);
        if (failure === undefined) resolve({ exitCode, stdout: textOf(stdout), stderr: textOf(stderr) });
        else reject(failure);
      });
      // A program that ends before it has read everything says why in its own words.
      child.stdin?.on('error', () => undefined);
      child.stdin?.end(input);
    });
  }
}

function notStarted(command: Command, error: unknown): KubeSpliceError {
  const why = error instanceof Error ? error.message : String(error);
  if (systemErrorCode(error) !== 'ENOENT') return failed(command, why, error);
  return new KubeSpliceError('COMMAND_NOT_FOUND', `there is no program ${quoted(command.program)}`, {
    cause: error,
  });
}

function failed({ program, args }: Command, why: string, cause?: unknown): KubeSpliceError {
  return new KubeSpliceError('COMMAND_FAILED', `${quoted([program, ...args].join(' '))}: ${why}`, { cause });
}

function textOf(chunks: readonly Buffer[]): string {
  return Buffer.concat(chunks).toString('utf8');
}

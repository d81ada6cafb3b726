import { type ChildProcess, spawn } from 'node:child_process';
import { systemErrorCode } from '../../../model/errors.js';
import { shortened } from './shortened.js';

/** How a program is run. */
export interface ExecProcessOptions {
  /** All of it. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Ends the program. */
  readonly signal: AbortSignal;
  /** Milliseconds that it may take. */
  readonly timeoutMs: number;
}

/** Why a program gave nothing. */
export interface ExecFault {
  /** With the last line that it wrote to standard error: `ended with exit code 1: sign in first`. */
  readonly complaint: string;
  readonly wasStarted: boolean;
}

const LARGEST_OUTPUT_BYTES = 1024 * 1024;

/**
 * Starts a program without a shell and with an empty standard input. It is ended, with all that it started, when it takes
 * too long, prints too much, or is given up. `fault` is null where it succeeds, and never rejects.
 */
export function startExecProcess(
  command: string,
  args: readonly string[],
  { environment, signal, timeoutMs }: ExecProcessOptions,
): { readonly child: ChildProcess; readonly fault: Promise<ExecFault | null> } {
  const child = spawn(command, args, {
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
    // Its own process group: what it started ends with it.
    detached: true,
  });
  const fault = new Promise<ExecFault | null>((resolve) => {
    let bytes = 0;
    let stderr = '';
    let stopped: string | null = null;
    const stop = (why: string): void => {
      stopped ??= why;
      killGroup(child.pid);
      // What left the group may hold the pipes open for ever.
      child.stdout?.destroy();
      child.stderr?.destroy();
    };
    const count = (chunk: Buffer | string): void => {
      bytes += Buffer.byteLength(chunk);
      if (bytes > LARGEST_OUTPUT_BYTES) stop('prints more than 1 MiB');
    };
    const onAbort = (): void => stop('was stopped');
    const timer = setTimeout(() => stop(`has not ended within ${timeoutMs / 1000} s`), timeoutMs);
    const settle = (outcome: ExecFault | null): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      resolve(outcome);
    };
    signal.addEventListener('abort', onAbort);
    // Where this process has no files left to open there are no pipes, and the error follows.
    child.stdout?.on('data', count);
    child.stderr?.on('data', (chunk: Buffer | string) => {
      count(chunk);
      stderr += chunk;
    });
    child.on('error', (error) => settle(startFault(error)));
    child.on('close', (code, killedBy) => {
      const end = code === 0 ? null : `ended with ${code === null ? killedBy : `exit code ${code}`}`;
      const why = stopped ?? end;
      settle(why === null ? null : { complaint: `${why}${lastLine(stderr)}`, wasStarted: true });
    });
    if (signal.aborted) onAbort();
  });
  return { child, fault };
}

/** What keeps a program from being started. */
export function startFault(error: unknown): ExecFault {
  const code = systemErrorCode(error) ?? 'no system code';
  const complaint = code === 'ENOENT' ? 'is not there (ENOENT)' : `cannot be started (${code})`;
  return { complaint, wasStarted: false };
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

function lastLine(stderr: string): string {
  const line = stderr.trim().split('\n').at(-1)?.trim() ?? '';
  return line === '' ? '' : `: ${shortened(line)}`;
}

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { onTestFinished } from 'vitest';
import { eventually } from './deadline.js';

/** The relay that specs run: `KUBE_SPLICE_RELAY` names one that was built otherwise, with a sanitizer for instance. */
export const NATIVE_RELAY = resolve(
  process.env.KUBE_SPLICE_RELAY ?? `${import.meta.dirname}/../../native/build/kube-splice-relay`,
);

/** Where there is none its specs are skipped; on a machine that is to have it (`CI`), they fail instead. */
export const NATIVE_RELAY_MISSING = process.env.CI === undefined && !isExecutable(NATIVE_RELAY);

/** A relay that listens on a socket, as a unit of its own would. It is killed when the test ends. */
export interface StartedRelay {
  readonly pid: number;
  readonly hasEnded: boolean;
  readonly stderr: () => string;
  /** Resolves when it has ended, with its exit code or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null>;
}

/** Resolves once it listens. */
export async function startRelayProgram(socket: string, ...argv: readonly string[]): Promise<StartedRelay> {
  return startThrough([], socket, argv);
}

/** The same with so few file descriptors: the shell's limit is inherited, and exec leaves the relay its process. */
export async function startRelayWithFewFiles(
  openFiles: number,
  socket: string,
  ...argv: readonly string[]
): Promise<StartedRelay> {
  return startThrough(['/bin/sh', '-c', `ulimit -n ${openFiles} && exec "$@"`, 'sh'], socket, argv);
}

async function startThrough(
  through: readonly string[],
  socket: string,
  argv: readonly string[],
): Promise<StartedRelay> {
  const [command = '', ...rest] = [...through, NATIVE_RELAY, '--socket', socket, ...argv];
  const child: ChildProcess = spawn(command, rest, { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr?.on('data', (data) => {
    stderr += String(data);
  });
  const ended = once(child, 'exit').then(() => child.exitCode ?? child.signalCode);
  const end = (signal: NodeJS.Signals) => {
    child.kill(signal);
    return ended;
  };
  onTestFinished(async () => void (await end('SIGKILL')));
  await eventually(() => {
    if (child.exitCode !== null) throw new Error(`the relay ended: ${stderr}`);
    if (!statSync(socket).isSocket()) throw new Error(`${socket} is no socket`);
    if (!isListenedOn(socket)) throw new Error(`nobody listens on ${socket} yet`);
  });
  return {
    pid: child.pid ?? 0,
    get hasEnded() {
      return child.exitCode !== null || child.signalCode !== null;
    },
    stderr: () => stderr,
    ended,
    end,
  };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The file is there before the socket listens (bind(2), listen(2)). `00010000` is what listens in `/proc/net/unix` (proc(5)). */
function isListenedOn(socket: string): boolean {
  return readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .some((line) => line.includes(' 00010000 ') && line.endsWith(` ${socket}`));
}

import { type ChildProcess, fork, spawn } from 'node:child_process';

/** How long a process may take to end by itself, ms; then it is killed. */
const END_MS = 8_000;

/** Nothing more is started: whoever goes on without a peer that failed must not go on here. */
export class BenchEnding extends Error {}

/** Every process that the bench has started and that has not ended. */
export class ChildProcesses {
  readonly #running = new Set<ChildProcess>();
  #ending = false;

  /**
   * A program of its own. It neither reads from the terminal nor writes to it: what it says is piped.
   *
   * @param env what it finds in its environment besides what the bench has.
   * @throws BenchEnding after `killAll`.
   */
  spawn(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
    return this.#spawn(command, args, { env: { ...process.env, ...env } });
  }

  /**
   * The same in a session of its own, as a service manager would start it and as kube-splice starts the native relay:
   * what shares a session shares a share of the processors (sched(7), autogroup).
   *
   * @throws BenchEnding after `killAll`.
   */
  spawnService(command: string, args: readonly string[]): ChildProcess {
    return this.#spawn(command, args, { detached: true });
  }

  #spawn(
    command: string,
    args: readonly string[],
    options: { readonly env?: NodeJS.ProcessEnv; readonly detached?: boolean },
  ): ChildProcess {
    this.#refuseWhenEnding();
    return this.#keep(spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] }));
  }

  /**
   * A module of the bench in a process of its own, that talks in messages.
   *
   * @param through a command that runs another one, and becomes its process; none where it is empty.
   * @throws BenchEnding after `killAll`.
   */
  fork(module: string, through: readonly string[] = []): ChildProcess {
    this.#refuseWhenEnding();
    const [execPath = process.execPath, ...execArgv] = [...through, process.execPath];
    return this.#keep(
      fork(module, [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], execPath, execArgv }),
    );
  }

  /** Asks it to end, and sees to it. Resolves when it has. */
  async stop(child: ChildProcess): Promise<void> {
    if (!this.#running.has(child)) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    const impatience = setTimeout(() => child.kill('SIGKILL'), END_MS);
    child.kill('SIGTERM');
    await ended;
    clearTimeout(impatience);
  }

  /** Ends all of them at once, for good: whoever waits for one of them fails, and can start no other. */
  killAll(): void {
    this.#ending = true;
    for (const child of this.#running) child.kill('SIGKILL');
  }

  #keep(child: ChildProcess): ChildProcess {
    this.#running.add(child);
    child.once('exit', () => this.#running.delete(child));
    // A program that cannot be started has no `exit`; a message that cannot be sent is one that nobody answers.
    child.on('error', () => {
      if (child.pid === undefined) this.#running.delete(child);
    });
    return child;
  }

  #refuseWhenEnding(): void {
    if (this.#ending) throw new BenchEnding('the bench is ending');
  }
}

/**
 * The next message of a child.
 *
 * @throws Error where the child ends before, or is silent for `deadlineMs`.
 */
export function nextMessage(child: ChildProcess, what: string, deadlineMs: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      clearTimeout(timer);
      child.off('message', received);
      child.off('exit', ended);
    };
    const received = (message: unknown): void => {
      settle();
      resolve(message);
    };
    const ended = (code: number | null, signal: string | null): void => {
      settle();
      reject(new Error(`${what}: its process ended with ${signal ?? code}`));
    };
    const timer = setTimeout(() => {
      settle();
      reject(new Error(`${what}: no answer within ${deadlineMs / 1000} s`));
    }, deadlineMs);
    child.once('message', received);
    child.once('exit', ended);
  });
}

/**
 * The first line that a child writes to its standard output.
 *
 * @throws Error with what it wrote to standard error, where it ends before or is silent for `deadlineMs`.
 */
export function nextLine(child: ChildProcess, what: string, deadlineMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let written = '';
    let complaint = '';
    const timer = setTimeout(
      () => reject(new Error(`${what}: no answer within ${deadlineMs / 1000} s`)),
      deadlineMs,
    );
    const settle = (outcome: () => void): void => {
      clearTimeout(timer);
      outcome();
    };
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      complaint += text;
    });
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      written += text;
      const end = written.indexOf('\n');
      if (end !== -1) settle(() => resolve(written.slice(0, end)));
    });
    child.once('error', (error) => settle(() => reject(new Error(`${what}: ${error.message}`))));
    child.once('close', (code: number | null, signal: string | null) => {
      const why = complaint.trim() === '' ? `its process ended with ${signal ?? code}` : complaint.trim();
      settle(() => reject(new Error(`${what}: ${why}`)));
    });
  });
}

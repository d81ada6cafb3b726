import { fstatSync, writeSync } from 'node:fs';
import { systemErrorCode } from '../model/errors.js';
import type { CommandRunner } from './command-runner.js';
import type { ProgramSearch } from './program-search.js';

/** Carries notifications to the service manager that started this process. */
export interface NotifySocket {
  /** Sends these lines as one notification. Resolves with false where they did not arrive; never rejects. */
  send(lines: readonly string[]): Promise<boolean>;
}

/**
 * A descriptor that is connected to the manager's socket already: what is written to it at once is one datagram. Node has no Unix
 * datagram sockets (nodejs/node#29339), so `kube-splice-relay --notify-exec` opens this one and becomes Node. The words
 * then come from the service's main process, straight out of its event loop.
 */
export class NotifyDescriptor implements NotifySocket {
  constructor(private readonly fd: number) {}

  /** The one that this process was started with, by its number's text; null where that is no socket. */
  static at(text: string | undefined): NotifyDescriptor | null {
    if (text === undefined || !/^[1-9][0-9]{0,5}$/.test(text)) return null;
    try {
      return fstatSync(Number(text)).isSocket() ? new NotifyDescriptor(Number(text)) : null;
    } catch {
      return null;
    }
  }

  async send(lines: readonly string[]): Promise<boolean> {
    try {
      writeSync(this.fd, lines.join('\n'));
      return true;
    } catch (error) {
      // EAGAIN: the manager is busy, and its queue is full: the socket does not block. Otherwise it has gone.
      if (systemErrorCode(error) === undefined) throw error;
      return false;
    }
  }
}

/** How long systemd-notify(1) may take, ms: it waits until the manager has read. */
const PROGRAM_TIMEOUT_MS = 5_000;

/**
 * systemd's own program, run for each notification: where the native relay was not built. Its words come from a child of the
 * main process, which a unit accepts with `NotifyAccess=all`.
 */
export class NotifyProgram implements NotifySocket {
  constructor(
    private readonly program: string,
    private readonly runner: CommandRunner,
  ) {}

  async send(lines: readonly string[]): Promise<boolean> {
    try {
      const { program } = this;
      const { exitCode } = await this.runner.run({
        program,
        args: [...lines],
        timeoutMs: PROGRAM_TIMEOUT_MS,
      });
      return exitCode === 0;
    } catch {
      return false;
    }
  }
}

export interface NotifySocketPlace {
  /** `KUBE_SPLICE_NOTIFY_FD`. */
  readonly descriptor: string | undefined;
  /** `NOTIFY_SOCKET`. */
  readonly socket: string | undefined;
  readonly find: ProgramSearch;
  /** Runs commands with `NOTIFY_SOCKET` in their environment. */
  readonly runner: CommandRunner;
}

/** The best way there is; null where no manager waits for notifications, or none can be sent. */
export function notifySocket({ descriptor, socket, find, runner }: NotifySocketPlace): NotifySocket | null {
  const inherited = NotifyDescriptor.at(descriptor);
  if (inherited !== null) return inherited;
  if (socket === undefined || socket === '') return null;
  const program = find('systemd-notify');
  return program === null ? null : new NotifyProgram(program, runner);
}

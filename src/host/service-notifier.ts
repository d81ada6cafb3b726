import { printable } from '../model/printable.js';
import type { NotifySocket } from './notify-socket.js';

/** The variables that a service manager sets for a process that it waits for; sd_notify(3), sd_watchdog_enabled(3). */
export interface ServiceEnvironment {
  readonly socket: string | undefined;
  /** Set by `kube-splice-relay --notify-exec`, not by a manager. */
  readonly descriptor: string | undefined;
  /** How long the manager waits for a ping, ms; null where it waits for none of this process. */
  readonly watchdogMs: number | null;
}

const VARIABLES = ['NOTIFY_SOCKET', 'KUBE_SPLICE_NOTIFY_FD', 'WATCHDOG_USEC', 'WATCHDOG_PID'] as const;

/** Reads those variables, and removes them: they are not for the programs that this process starts. */
export function takeServiceEnvironment(
  environment: Record<string, string | undefined>,
  pid: number,
): ServiceEnvironment {
  const { NOTIFY_SOCKET, KUBE_SPLICE_NOTIFY_FD, WATCHDOG_USEC, WATCHDOG_PID } = environment;
  for (const name of VARIABLES) delete environment[name];
  const isForUs = WATCHDOG_PID === undefined || WATCHDOG_PID === `${pid}`;
  const microseconds = /^[0-9]+$/.test(WATCHDOG_USEC ?? '') ? Number(WATCHDOG_USEC) : 0;
  return {
    socket: NOTIFY_SOCKET,
    descriptor: KUBE_SPLICE_NOTIFY_FD,
    watchdogMs: isForUs && microseconds > 0 ? microseconds / 1_000 : null,
  };
}

/** The longest status text: a line of `systemctl status`. */
const LONGEST_STATUS = 400;

/** What a service manager can be told, in the words of sd_notify(3). Each resolves with whether it arrived. */
export class ServiceNotifier {
  constructor(
    private readonly socket: NotifySocket,
    /** Monotonic time (`CLOCK_MONOTONIC`), microseconds. */
    private readonly monotonicMicroseconds: () => bigint = () => process.hrtime.bigint() / 1_000n,
  ) {}

  /** The service serves, or serves again after `reloading`. */
  ready(status: string): Promise<boolean> {
    return this.socket.send(['READY=1', statusLine(status)]);
  }

  /** It reads its configuration again: `ready` is to follow. */
  reloading(): Promise<boolean> {
    return this.socket.send(['RELOADING=1', `MONOTONIC_USEC=${this.monotonicMicroseconds()}`]);
  }

  /** It is ending, and may take so long, ms. */
  stopping(ms: number, status: string): Promise<boolean> {
    return this.socket.send(['STOPPING=1', extension(ms), statusLine(status)]);
  }

  status(status: string): Promise<boolean> {
    return this.socket.send([statusLine(status)]);
  }

  /** It lives: the watchdog's time begins anew. */
  watchdog(): Promise<boolean> {
    return this.socket.send(['WATCHDOG=1']);
  }

  /** Starting, or ending, goes on: the manager waits for at least so long from now, ms. */
  extendTimeout(ms: number): Promise<boolean> {
    return this.socket.send([extension(ms)]);
  }
}

function extension(ms: number): string {
  return `EXTEND_TIMEOUT_USEC=${Math.ceil(ms * 1_000)}`;
}

/** One line: another would be another assignment. */
function statusLine(status: string): string {
  return `STATUS=${printable(status).slice(0, LONGEST_STATUS)}`;
}

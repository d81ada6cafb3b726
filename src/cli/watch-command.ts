import type { StatusAddress } from '../config/proxy-config.js';
import { KubeSpliceError } from '../model/errors.js';
import { askStatus } from '../status/status-client.js';
import type { StatusReport } from '../status/status-report.js';
import { watchScreen } from '../status/watch/watch-screen.js';

/** Where a screen is drawn: standard output. */
export interface WatchOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize', listener: () => void): unknown;
}

export interface WatchCommandOptions {
  /** Where the running kube-splice serves its status. */
  readonly address: StatusAddress;
  /** From one look to the next, ms. */
  readonly intervalMs: number;
  readonly output: WatchOutput;
  /** Aborted when it is to end. */
  readonly signal: AbortSignal;
}

/** The other screen of a terminal, so that what was there before comes back (xterm's control sequences); no cursor, no wrapping. */
const BEGIN = '\u001b[?1049h\u001b[?25l\u001b[?7l';
const END = '\u001b[?7h\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const TO_END_OF_LINE = '\u001b[K';
const TO_END_OF_SCREEN = '\u001b[J';

/**
 * `kube-splice status --watch`: shows what the running proxy carries, until it is asked to end. On a terminal it draws in place: each
 * line over the one before, so that nothing flickers. Elsewhere every look is printed whole, with an empty line behind it. A proxy that
 * does not answer is told, and asked again. Resolves with the exit code, 0.
 */
export async function runWatchCommand(options: WatchCommandOptions): Promise<number> {
  const { address, intervalMs, output, signal } = options;
  let report: StatusReport | null = null;
  let before: StatusReport | null = null;
  let failure: string | null = null;
  const isTerminal = output.isTTY === true;
  const draw = (): void => {
    const size = isTerminal
      ? sizeOf(output)
      : { columns: Number.POSITIVE_INFINITY, rows: Number.POSITIVE_INFINITY };
    const lines = watchScreen({ report, before, failure }, size);
    output.write(isTerminal ? inPlace(lines) : `${lines.join('\n')}\n\n`);
  };
  if (isTerminal) {
    output.write(BEGIN);
    output.on('resize', draw);
  }
  try {
    while (!signal.aborted) {
      try {
        const newest = await askStatus(address);
        before = report;
        report = newest;
        failure = null;
      } catch (error) {
        if (!(error instanceof KubeSpliceError)) throw error;
        failure = error.message;
      }
      if (!signal.aborted) draw();
      await pause(intervalMs, signal);
    }
  } finally {
    if (isTerminal) {
      output.off('resize', draw);
      output.write(END);
    }
  }
  return 0;
}

/** What terminals have where nobody tells. */
function sizeOf({ columns = 80, rows = 24 }: WatchOutput) {
  return { columns, rows };
}

/** No line feed behind the last line: on a full screen it would scroll. */
function inPlace(lines: readonly string[]): string {
  return `${HOME}${lines.map((line) => `${line}${TO_END_OF_LINE}`).join('\r\n')}${TO_END_OF_SCREEN}`;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(ended, ms);
    signal.addEventListener('abort', ended, { once: true });
    function ended(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', ended);
      resolve();
    }
  });
}

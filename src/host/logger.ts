import { once } from 'node:events';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import winston from 'winston';
import type { LogConfig } from '../config/proxy-config.js';
import { KubeSpliceError, systemErrorCode } from '../model/errors.js';
import { quoted } from '../model/printable.js';
import type { LogFields, Logger } from './log.js';
import { jsonLine, type LogEvent, textLine } from './log-line.js';
import { RotatedLogFile } from './rotated-log-file.js';

/** A logger that has something to close. */
export interface ClosableLogger extends Logger {
  /** From now on `detail` is shown up to this level, klog's `-v`. */
  setLevel(level: number): void;

  /** Opens the log file anew, as a program asks for that has moved it away. Resolves with its path; null where there is none. */
  reopen(): Promise<string | null>;
  /** Resolves when every line has been handed over to the system. Lines that come later are dropped. */
  close(): Promise<void>;
}

/** Where the logger finds what is outside of it. */
export interface LoggerSurroundings {
  readonly stderr: Writable;
  readonly now: () => Date;
  /** Bytes that one log file may have. */
  readonly maxFileBytes: number;
}

const MEBIBYTE = 1024 * 1024;

const SURROUNDINGS: LoggerSurroundings = {
  stderr: process.stderr,
  now: () => new Date(),
  maxFileBytes: 32 * MEBIBYTE,
};

export const LOG_FILE_NAME = 'kube-splice.log';
const OLDER_FILES_KEPT = 4;
const MAX_PENDING_BYTES = 4 * MEBIBYTE;

/**
 * A logger as the configuration wants it: on standard error, in the files of a directory, or both; one line an event.
 * Logging never throws, waits or ends the process: a reader that went away, or a disk that is full, costs lines only.
 *
 * @throws KubeSpliceError `LOG_DIRECTORY_UNUSABLE`.
 */
export async function createLogger(
  config: LogConfig,
  surroundings: Partial<LoggerSurroundings> = {},
): Promise<ClosableLogger> {
  const { stderr, now, maxFileBytes } = { ...SURROUNDINGS, ...surroundings };
  const line = (event: UntimedEvent): string =>
    `${(config.format === 'json' ? jsonLine : textLine)({ time: now(), ...event })}\n`;
  // A closed pipe (EPIPE) is told as an event, and ends the process where nobody listens.
  stderr.on('error', () => undefined);
  const file = config.directory === null ? null : await openFile(config.directory);
  const outputs: Output[] = [];
  if (file !== null) outputs.push((text) => file.write(text));
  if (file === null || config.alsoToStderr) outputs.push((text) => stderr.write(text));
  return new WinstonLogger(config.level, outputs, line, {
    reopen: async () => {
      await file?.reopen();
      return config.directory === null ? null : join(config.directory, LOG_FILE_NAME);
    },
    close: async () => {
      await file?.close();
      await flushed(stderr);
    },
  });

  function openFile(directory: string): Promise<RotatedLogFile> {
    const path = join(directory, LOG_FILE_NAME);
    return RotatedLogFile.open({
      path,
      maxBytes: maxFileBytes,
      keep: OLDER_FILES_KEPT,
      maxPendingBytes: MAX_PENDING_BYTES,
      lossLine: (lost) => line({ level: 'warn', message: 'log lines were lost here', fields: { lost } }),
      onFailure: (error) =>
        stderr.write(
          line({
            level: 'error',
            message: 'the log file cannot be written; lines are lost until it can',
            fields: { path, error: reason(error) },
          }),
        ),
    }).catch((error: unknown) => {
      throw new KubeSpliceError(
        'LOG_DIRECTORY_UNUSABLE',
        `--log-dir: ${quoted(path)} cannot be written: ${reason(error)}`,
        { cause: error },
      );
    });
  }
}

/** Takes a line, its newline included, and returns at once: one slow output never holds up another. */
type Output = (text: string) => void;

interface Outputs {
  readonly reopen: () => Promise<string | null>;
  readonly close: () => Promise<void>;
}

type UntimedEvent = Omit<LogEvent, 'time'>;

class WinstonLogger implements ClosableLogger {
  #level: number;
  readonly #line: (event: UntimedEvent) => string;
  readonly #winston: winston.Logger;
  readonly #opened: Outputs;
  #closing: Promise<void> | null = null;

  constructor(
    level: number,
    outputs: readonly Output[],
    line: (event: UntimedEvent) => string,
    opened: Outputs,
  ) {
    this.#level = level;
    this.#line = line;
    this.#opened = opened;
    this.#winston = winston.createLogger({
      level: 'debug',
      format: winston.format.printf(({ message }) => String(message)),
      transports: outputs.map(
        (output) => new winston.transports.Stream({ stream: streamOf(output), eol: '' }),
      ),
      exitOnError: false,
    });
  }

  error(message: string, fields: LogFields = {}): void {
    this.#log({ level: 'error', message, fields });
  }

  warn(message: string, fields: LogFields = {}): void {
    this.#log({ level: 'warn', message, fields });
  }

  info(message: string, fields: LogFields = {}): void {
    this.#log({ level: 'info', message, fields });
  }

  detail(level: number, message: string, fields: LogFields = {}): void {
    if (this.shows(level)) this.#log({ level: 'debug', message, fields });
  }

  shows(level: number): boolean {
    return level <= this.#level;
  }

  setLevel(level: number): void {
    this.#level = level;
  }

  reopen(): Promise<string | null> {
    return this.#opened.reopen();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const finished = once(this.#winston, 'finish');
    this.#winston.end();
    await finished;
    await this.#opened.close();
  }

  #log(event: UntimedEvent): void {
    if (this.#closing !== null) return;
    this.#winston.log(event.level, this.#line(event));
  }
}

function streamOf(output: Output): Writable {
  return new Writable({
    decodeStrings: false,
    write: (text, _encoding, done) => {
      output(String(text));
      done();
    },
  });
}

/** Resolves when what was written to the stream so far has left it, or never will. */
function flushed(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => resolve());
  });
}

function reason(error: unknown): string {
  return systemErrorCode(error) ?? String(error);
}

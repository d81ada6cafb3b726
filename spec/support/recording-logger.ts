import type { LogFields, Logger } from '../../src/host/log.js';

export interface LogLine {
  readonly level: 'error' | 'warn' | 'info' | number;
  readonly message: string;
  readonly fields: LogFields;
}

/** Keeps every line, details of every level included. */
export class RecordingLogger implements Logger {
  readonly lines: LogLine[] = [];

  error(message: string, fields: LogFields = {}): void {
    this.lines.push({ level: 'error', message, fields });
  }

  warn(message: string, fields: LogFields = {}): void {
    this.lines.push({ level: 'warn', message, fields });
  }

  info(message: string, fields: LogFields = {}): void {
    this.lines.push({ level: 'info', message, fields });
  }

  detail(level: number, message: string, fields: LogFields = {}): void {
    this.lines.push({ level, message, fields });
  }

  shows(): boolean {
    return true;
  }

  /** The messages of one level, oldest first. */
  messages(level: LogLine['level']): string[] {
    return this.lines.filter((line) => line.level === level).map(({ message }) => message);
  }
}

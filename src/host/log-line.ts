import { printable, quoted } from '../model/printable.js';
import type { LogFields } from './log.js';

export interface LogEvent {
  readonly time: Date;
  readonly level: 'error' | 'warn' | 'info' | 'debug';
  readonly message: string;
  readonly fields: LogFields;
}

/** A value that reads as one word beside its key; anything else is quoted. */
const BARE = /^[\w.:/@%+,[\]*-]+$/;

/**
 * `2026-11-22T17:39:18.438Z INFO  message key=value other="two words"`. One line whatever is in it: what a name or
 * an address holds can neither begin a new line nor reach a terminal as a command.
 */
export function textLine({ time, level, message, fields }: LogEvent): string {
  const pairs = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}=${textValue(value)}`);
  return `${time.toISOString()} ${level.toUpperCase().padEnd(5)} ${printable(message)}${pairs.join('')}`;
}

/** One JSON object: `time`, `level`, `message`, and `fields`, which is always there. */
export function jsonLine({ time, level, message, fields }: LogEvent): string {
  return printable(JSON.stringify({ time: time.toISOString(), level, message, fields }));
}

function textValue(value: LogFields[string]): string {
  if (typeof value !== 'string') return String(value);
  return BARE.test(value) ? value : quoted(value);
}

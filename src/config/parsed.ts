import { quoted } from '../model/printable.js';

/** What a text was read as: its value, or what is wrong with it, in words that fit behind `--flag: `. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: string };

export function valid<T>(value: T): Parsed<T> {
  return { ok: true, value };
}

/** What was written, quoted, and what is wrong with it: `"abc" is not a duration; give one such as 250ms`. */
export function invalid(text: string, why: string): Parsed<never> {
  return { ok: false, problem: `${quoted(shortened(text))} ${why}` };
}

const SHOWN = 100;

function shortened(text: string): string {
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}

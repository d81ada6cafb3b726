import { printable } from '../../../model/printable.js';

const LONGEST = 300;

/** The text of others on one line, printable, and of a length that fits into a message. */
export function shortened(text: string): string {
  const one = printable(text.trim());
  return one.length > LONGEST ? `${one.slice(0, LONGEST)}…` : one;
}

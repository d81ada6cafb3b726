import { invalid, type Parsed, valid } from './parsed.js';

/** A whole number from `least` to `most`, in decimal digits: no sign but `-`, no leading zero, which Go takes for octal. */
export function parseWholeNumber(text: string, least: number, most: number): Parsed<number> {
  const digits = /^-?(0|[1-9]\d{0,14})$/.test(text);
  const value = Number(text);
  if (digits && value >= least && value <= most) return valid(value);
  return invalid(text, `is not a whole number from ${least} to ${most}`);
}

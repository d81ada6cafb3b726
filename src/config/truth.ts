import { invalid, type Parsed, valid } from './parsed.js';

const TRUE = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);
const FALSE = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False']);

/** A boolean in each of the spellings that Go's `strconv.ParseBool` takes, and no other. */
export function parseTruth(text: string): Parsed<boolean> {
  if (TRUE.has(text)) return valid(true);
  if (FALSE.has(text)) return valid(false);
  return invalid(text, 'is neither true nor false');
}

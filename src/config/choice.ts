import { nearest } from './nearest.js';
import { invalid, type Parsed, valid } from './parsed.js';

/** One of a few words. */
export function parseChoice<T extends string>(text: string, choices: readonly T[]): Parsed<T> {
  const found = choices.find((choice) => choice === text);
  if (found !== undefined) return valid(found);
  const meant = nearest(text, choices);
  const question = meant === undefined ? '' : `; did you mean ${meant}?`;
  return invalid(text, `is not one of ${choices.join(', ')}${question}`);
}

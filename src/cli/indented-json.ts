import { printable } from '../model/printable.js';

/** JSON leaves some control characters as they are, and a terminal would obey them: they are escaped as well. */
export function indentedJson(value: object): string {
  return JSON.stringify(value, null, 2)
    .split('\n')
    .map((line) => `${printable(line)}\n`)
    .join('');
}

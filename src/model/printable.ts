/** Control characters, line separators, and characters that hide or reorder their neighbours. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/**
 * Text that somebody else chose, on one line and safe for a terminal: what would be obeyed rather than shown is
 * written as its JSON escape (`\n`, `\u001b`). Nothing changes inside JSON that is already valid.
 */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => SHORT[character] ?? codeUnits(character));
}

/** The text as a JSON string, quotes included, that is printable. */
export function quoted(text: string): string {
  return printable(JSON.stringify(text));
}

/** JSON knows four digits only: a character outside the basic plane takes two escapes. */
function codeUnits(character: string): string {
  return character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('');
}

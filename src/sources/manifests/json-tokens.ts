/** A token of JSON text: a mark, or a value that holds no other. */
export interface JsonToken {
  readonly type: '{' | '}' | '[' | ']' | ',' | ':' | 'string' | 'scalar';
  readonly start: number;
  readonly end: number;
}

const WHITESPACE = ' \t\n\r';
const MARKS = '{}[],:';

/**
 * The tokens of this text. It checks nothing: given text that `JSON.parse` takes it gives its tokens, given any other
 * it gives some, and ends.
 */
export function* jsonTokens(text: string, from = 0): Generator<JsonToken, void> {
  let at = from;
  while (at < text.length) {
    const character = text.charAt(at);
    if (WHITESPACE.includes(character)) {
      at += 1;
      continue;
    }
    const type = typeOf(character);
    const end =
      type === 'string' ? endOfString(text, at) : type === 'scalar' ? endOfScalar(text, at) : at + 1;
    yield { type, start: at, end };
    at = end;
  }
}

function typeOf(character: string): JsonToken['type'] {
  switch (character) {
    case '{':
    case '}':
    case '[':
    case ']':
    case ',':
    case ':':
      return character;
    case '"':
      return 'string';
    default:
      return 'scalar';
  }
}

/** The offset behind the closing quote. */
function endOfString(text: string, start: number): number {
  let quote = text.indexOf('"', start + 1);
  while (quote !== -1 && isEscaped(text, quote)) quote = text.indexOf('"', quote + 1);
  return quote === -1 ? text.length : quote + 1;
}

function isEscaped(text: string, quote: number): boolean {
  let before = quote;
  while (text.charAt(before - 1) === '\\') before -= 1;
  return (quote - before) % 2 === 1;
}

function endOfScalar(text: string, start: number): number {
  let end = start + 1;
  while (end < text.length && !`${WHITESPACE}${MARKS}"`.includes(text.charAt(end))) end += 1;
  return end;
}

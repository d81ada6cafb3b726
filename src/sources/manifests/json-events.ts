import { type JsonToken, jsonTokens } from './json-tokens.js';

/** A value of JSON text begins or ends, or a mapping has a key again. */
export interface JsonEvent {
  readonly type: 'begin' | 'end' | 'duplicate key';
  /** How many containers the value is in. */
  readonly depth: number;
  /** Which field or item it is of the innermost of them; empty outside of all. */
  readonly step: string | number;
  /** Where it begins, or where it has ended. */
  readonly offset: number;
}

interface OpenContainer {
  /** The keys so far; undefined in a list. */
  readonly keys: Set<string> | undefined;
  step: string | number;
  keyIsNext: boolean;
}

/** Walks JSON text from this offset on. Like the tokens it checks nothing: what is no JSON gives events of no use. */
export function* jsonEvents(text: string, from: number): Generator<JsonEvent, void> {
  const open: OpenContainer[] = [];
  for (const token of jsonTokens(text, from)) {
    const container = open.at(-1);
    const event = (type: JsonEvent['type'], offset: number): JsonEvent => ({
      type,
      depth: open.length,
      step: open.at(-1)?.step ?? '',
      offset,
    });
    if (container !== undefined && (token.type === ',' || token.type === ':')) {
      separate(container, token.type);
    } else if (container !== undefined && (token.type === '}' || token.type === ']')) {
      open.pop();
      yield event('end', token.end);
    } else if (container?.keys !== undefined && container.keyIsNext && token.type === 'string') {
      const key = keyOf(text, token);
      container.step = key;
      container.keyIsNext = false;
      if (container.keys.has(key)) yield event('duplicate key', token.start);
      container.keys.add(key);
    } else {
      yield event('begin', token.start);
      if (token.type === '{') open.push({ keys: new Set(), step: '', keyIsNext: true });
      else if (token.type === '[') open.push({ keys: undefined, step: 0, keyIsNext: false });
      else yield event('end', token.end);
    }
  }
}

function separate(container: OpenContainer, mark: ',' | ':'): void {
  if (mark === ':') return;
  container.keyIsNext = container.keys !== undefined;
  if (typeof container.step === 'number') container.step += 1;
}

function keyOf(text: string, { start, end }: JsonToken): string {
  const written = text.slice(start + 1, end - 1);
  if (!written.includes('\\')) return written;
  try {
    return String(JSON.parse(text.slice(start, end)));
  } catch {
    return written;
  }
}

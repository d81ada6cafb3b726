import type { FieldPath } from '../../model/field-error.js';
import { jsonEvents } from './json-events.js';
import { JsonPlaces } from './json-places.js';
import { LineTable } from './line-table.js';
import { DEEPEST_NESTING } from './nesting.js';
import type { TimeSlice } from './time-slice.js';

/** One JSON value of a text. */
export interface JsonDocument {
  readonly value: unknown;
  /** The line of a field, or of what is nearest around it where it is not there. */
  lineOf(path: FieldPath): number;
}

/**
 * Reads JSON text: a mapping or a list, or several, one after the other as `jq` and many logs write them. Undefined
 * where it is no JSON, or a mapping has a key twice, about which `JSON.parse` is silent: as YAML, of which JSON is a
 * part, it is then told what is wrong and where.
 */
export async function readJson(text: string, slice: TimeSlice): Promise<JsonDocument[] | undefined> {
  if (!/^\s*[{[]/.test(text)) return undefined;
  const documents: JsonDocument[] = [];
  const lines = new LineTable(text);
  let start: number | undefined;
  for (const { type, depth, offset } of jsonEvents(text, 0)) {
    if (type === 'duplicate key' || depth > DEEPEST_NESTING) return undefined;
    if (depth === 0 && type === 'begin') {
      if (!'{['.includes(text.charAt(offset))) return undefined;
      start = offset;
    }
    if (depth === 0 && type === 'end' && start !== undefined) {
      const value = parsed(text.slice(start, offset));
      if (value === undefined) return undefined;
      const places = new JsonPlaces(text, start);
      documents.push({ value, lineOf: (path) => lines.lineOf(places.offsetOf(path)) });
      start = undefined;
    }
    if (slice.over) await slice.pass();
  }
  return start === undefined ? documents : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

import { type Document, isAlias, isMap, isScalar, isSeq, type LineCounter, visit } from 'yaml';
import type { FieldPath } from './field-error.js';

/** A document, or an item of a list, as a plain value; `error` says why there is none. */
export interface YamlNode {
  readonly value: unknown;
  readonly error: YamlError | undefined;
  /** The line of a field, or of what is nearest around it where it is not there. */
  lineOf(path: FieldPath): number;
}

export interface YamlError {
  readonly line: number;
  readonly message: string;
}

/** A message of the parser may quote the text that it is about. */
const LONGEST_MESSAGE = 200;

/**
 * The composed document as a value; the first error where it has one.
 *
 * @param duplicates what a key is that is there twice: an error, or overlooked, so that the last one counts.
 */
export function yamlNode(
  document: Document,
  lines: LineCounter,
  duplicates: 'refused' | 'overlooked' = 'refused',
): YamlNode {
  const first = document.contents?.range?.[0] ?? 0;
  const lineOf = (path: FieldPath) => lineAt(lines, offsetOf(document, path) ?? first);
  const broken = (offset: number, message: string) => brokenNode(lineAt(lines, offset), message);
  const [error] = document.errors;
  if (error !== undefined) return broken(error.pos[0], error.message);
  const duplicate = duplicates === 'refused' ? duplicateKey(document) : undefined;
  if (duplicate !== undefined) return broken(duplicate.offset, `the key ${duplicate.key} is there twice`);
  try {
    return { value: document.toJS(), error: undefined, lineOf };
  } catch (failure) {
    // An alias without its anchor, or aliases of aliases that would unfold to no end.
    return broken(first, failure instanceof Error ? failure.message : String(failure));
  }
}

/** What could not be read, from this line on. */
export function brokenNode(line: number, message: string): YamlNode {
  return {
    value: undefined,
    error: { line, message: message.slice(0, LONGEST_MESSAGE) },
    lineOf: () => line,
  };
}

/** The line of this offset, from 1. */
export function lineAt(lines: LineCounter, offset: number): number {
  return Math.max(1, lines.linePos(offset).line);
}

/** The first key that is there twice in one mapping, and its line; undefined where there is none. */
export function duplicateKeyOf(
  document: Document,
  lines: LineCounter,
): { readonly line: number; readonly key: string } | undefined {
  const found = duplicateKey(document);
  return found === undefined ? undefined : { line: lineAt(lines, found.offset), key: found.key };
}

/** The parser's own check compares every key with every other: of one mapping with 100,000 keys that takes minutes. */
function duplicateKey(document: Document): { offset: number; key: string } | undefined {
  let found: { offset: number; key: string } | undefined;
  visit(document, {
    Map(_key, { items }) {
      const seen = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key) || key.value === '<<') continue;
        if (seen.has(key.value)) found = { offset: key.range?.[0] ?? 0, key: JSON.stringify(key.value) };
        seen.add(key.value);
      }
      return found === undefined ? undefined : visit.BREAK;
    },
  });
  return found;
}

function offsetOf(document: Document, path: FieldPath): number | undefined {
  let node: unknown = document.contents;
  let offset = document.contents?.range?.[0];
  for (const step of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && key.value === step);
      if (pair === undefined) return offset;
      offset = rangeStart(pair.key) ?? offset;
      node = pair.value;
    } else if (isSeq(node) && typeof step === 'number') {
      node = node.items[step];
      offset = rangeStart(node) ?? offset;
    }
  }
  return isScalar(node) ? (rangeStart(node) ?? offset) : offset;
}

function rangeStart(node: unknown): number | undefined {
  return isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range?.[0] : undefined;
}

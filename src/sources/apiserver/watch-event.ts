import { KubeSpliceError } from '../../model/errors.js';
import { isMapping } from '../../model/field.js';
import { printable } from '../../model/printable.js';

/** An object as the API server sends it, nothing read of it yet. */
export type RawObject = Readonly<Record<string, unknown>>;

/**
 * What a watch tells, one JSON document a line: something became of an object, or nothing did up to this
 * resourceVersion (a bookmark).
 */
export type WatchEvent =
  | {
      readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
      readonly object: RawObject;
      readonly resourceVersion: string;
    }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string }
  /** The server ends the watch; `status` is a `v1.Status`. */
  | { readonly type: 'ERROR'; readonly status: RawObject };

/** How much of a line that is no event is shown. */
const SHOWN_LENGTH = 80;

/** @throws KubeSpliceError `APISERVER_MALFORMED` for what is no event of a watch. */
export function parseWatchEvent(line: string): WatchEvent {
  const event = parseJson(line);
  if (!isMapping(event) || !isMapping(event.object)) throw malformed(line);
  const { type, object } = event;
  if (type === 'ERROR') return { type, status: object };
  const resourceVersion = resourceVersionOf(object);
  if (resourceVersion === undefined) throw malformed(line);
  switch (type) {
    case 'BOOKMARK':
      return { type, resourceVersion };
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { type, object, resourceVersion };
    default:
      throw malformed(line);
  }
}

/** `metadata.resourceVersion` of an object or a list. */
export function resourceVersionOf(object: RawObject): string | undefined {
  const { metadata } = object;
  const version = isMapping(metadata) ? metadata.resourceVersion : undefined;
  return typeof version === 'string' && version !== '' ? version : undefined;
}

/**
 * Whether this resourceVersion is an earlier one of the same server. They are decimal numbers that only grow
 * (KEP-5504), unless etcd was restored from a backup; those that are not cannot be told apart.
 */
export function isEarlier(one: string, other: string): boolean {
  if (!/^\d+$/.test(one) || !/^\d+$/.test(other)) return false;
  return one.length === other.length ? one < other : one.length < other.length;
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw malformed(line, error);
  }
}

function malformed(line: string, cause?: unknown): KubeSpliceError {
  const cut = line.length > SHOWN_LENGTH ? `${line.slice(0, SHOWN_LENGTH)}…` : line;
  return new KubeSpliceError(
    'APISERVER_MALFORMED',
    `a line of a watch is no event: ${printable(cut)}`,
    cause === undefined ? {} : { cause },
  );
}

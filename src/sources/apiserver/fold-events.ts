import type { KubeSpliceError } from '../../model/errors.js';
import { ApiStatusError, statusErrorFrom } from './access/api-status-error.js';
import type { ObjectChange } from './mirror.js';
import { isEarlier, type WatchEvent } from './watch-event.js';

/** What events come to, up to the first that is a fault. */
export interface FoldedEvents {
  readonly changes: readonly ObjectChange[];
  /** How far a mirror is that has taken the changes. */
  readonly reached: string;
  readonly fault: KubeSpliceError | null;
}

const HTTP_GONE = 410;

/**
 * Takes the events of a watch together, in their order.
 *
 * @param from the resourceVersion before them. An event from before it comes from a server that has gone back in time:
 *   what was known of it is worth as little as after a 410, and that is what the fault is.
 */
export function foldEvents(events: readonly WatchEvent[], from: string): FoldedEvents {
  const changes: ObjectChange[] = [];
  let reached = from;
  for (const event of events) {
    if (event.type === 'ERROR') return { changes, reached, fault: statusErrorFrom(event.status) };
    if (isEarlier(event.resourceVersion, reached))
      return { changes, reached, fault: wentBack(reached, event.resourceVersion) };
    if (event.type !== 'BOOKMARK') changes.push({ object: event.object, deleted: event.type === 'DELETED' });
    reached = event.resourceVersion;
  }
  return { changes, reached, fault: null };
}

function wentBack(from: string, to: string): ApiStatusError {
  const message = `the server has gone back from resourceVersion ${from} to ${to}`;
  return new ApiStatusError('APISERVER_FAILED', message, { status: HTTP_GONE });
}

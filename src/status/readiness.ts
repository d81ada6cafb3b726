import type { SyncProgress } from '../proxier/proxy-view.js';

/**
 * Why a proxy is not ready, as a sentence; null where it is. Ready is who has had a sync that ended well and was not asked to end:
 * whether later syncs come on is for `assessHealth` to say, for what was synced once goes on serving.
 */
export function whyUnready({ lastSynced, errors }: SyncProgress, isLeaving: boolean): string | null {
  if (isLeaving) return 'asked to end: new clients are to go elsewhere';
  if (lastSynced !== null) return null;
  const [first] = errors;
  return first === undefined ? 'waiting for the first sync' : `no sync has ended well yet: ${first}`;
}

import { systemErrorCode } from '../../model/errors.js';
import type { DropReason } from '../engine.js';

const REASONS: ReadonlyMap<string, DropReason> = new Map([
  ['EMSGSIZE', 'too-long'],
  ['ENOBUFS', 'send-queue-full'],
  ['ENOMEM', 'out-of-memory'],
]);

/**
 * Why a datagram was not sent, where it is the datagram's fault (longer than the family allows, or than the path carries in one
 * piece) or this host's: another endpoint would do no better. Else undefined.
 */
export function dropReasonOf(error: Error): DropReason | undefined {
  return REASONS.get(systemErrorCode(error) ?? '');
}

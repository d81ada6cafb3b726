import type { EndpointKey } from '../../model/endpoint.js';
import type { ServicePortName } from '../../model/service-port.js';
import type { DialTimes, DropReason, EndpointCounters, FailureReason, PortalCounters } from '../engine.js';
import { NO_DIALS, NO_TRAFFIC } from '../no-traffic.js';
import { malformed } from './relay-protocol.js';
import { endpointOf, isFailureReason, portalName, wholeNumber } from './relay-replies.js';

type NumericCounter = {
  [Key in keyof PortalCounters]: PortalCounters[Key] extends number ? Key : never;
}[keyof PortalCounters];
type CounterWord = readonly [string, NumericCounter];

/** The counters of a portal, in the order of the protocol. */
const COUNTERS = [
  ['active', 'activeConnections'],
  ['total', 'totalConnections'],
  ['in', 'bytesIn'],
  ['out', 'bytesOut'],
  ['dial-failures', 'dialFailures'],
  ['no-endpoints', 'noEndpoints'],
  ['refused-for-files', 'refusedForFiles'],
  ['udp-sessions', 'udpSessions'],
  ['udp-total', 'totalUdpSessions'],
  ['udp-evicted', 'evictedUdpSessions'],
  ['dropped', 'droppedDatagrams'],
] as const satisfies readonly CounterWord[];

/** Behind those, and only where they are not 0: an older relay has none of them. */
const LATER_COUNTERS: readonly CounterWord[] = [
  ['half-closed', 'halfClosedTimeouts'],
  ['waited-for-place', 'waitedForPlace'],
  ['datagrams-in', 'datagramsIn'],
  ['datagrams-out', 'datagramsOut'],
  ['affinity', 'affinityEntries'],
];

const DROP_REASONS: Readonly<Record<DropReason, true>> = {
  'send-queue-full': true,
  'too-long': true,
  'icmp-refused': true,
  'dial-failed': true,
  'leads-back': true,
  'source-port-0': true,
  'reply-failed': true,
  'session-ended': true,
  'out-of-memory': true,
};

/** `failed-REASON`, `dropped-REASON`. */
const BY_REASON = /^(failed|dropped)-(.+)$/;

/**
 * The lines that answer `counters` or `counters all`, without their tags; with every endpoint that the relay tells of. What is
 * told by a word that is not known here is left out: the relay may be newer.
 *
 * @throws KubeSpliceError `RELAY_MALFORMED`.
 */
export function parseCounters(lines: readonly string[]): Map<ServicePortName, PortalCounters> {
  const counters = new Map<ServicePortName, PortalCounters>();
  let endpoints: Map<EndpointKey, EndpointCounters> | undefined;
  for (const line of lines) {
    const [verb, subject, ...words] = line.split(' ');
    if (verb === 'portal') {
      endpoints = new Map();
      counters.set(portalName(subject, line), { ...portalCounters(words, line), endpoints });
    } else if (verb === 'endpoint' && endpoints !== undefined) {
      endpoints.set(endpointOf(subject, line).key, endpointCounters(words, line));
    } else {
      throw malformed(line);
    }
  }
  return counters;
}

/** `OPEN TOTAL`, and for one that is set aside `aside=MS`. */
function endpointCounters([open, total, aside, ...more]: readonly string[], line: string): EndpointCounters {
  if (more.length > 0) throw malformed(line);
  const counters = { connections: wholeNumber(open, line), totalConnections: wholeNumber(total, line) };
  if (aside === undefined) return counters;
  const [key, ms, ...rest] = aside.split('=');
  if (key !== 'aside' || rest.length > 0) throw malformed(line);
  return { ...counters, setAsideMs: wholeNumber(ms, line) };
}

function portalCounters(words: readonly string[], line: string): PortalCounters {
  const counters: { -readonly [Key in keyof PortalCounters]: PortalCounters[Key] } = { ...NO_TRAFFIC };
  const failures = new Map<FailureReason, number>();
  const dropped = new Map<DropReason, number>();
  const first = words.slice(0, COUNTERS.length).map((word) => keyAndValue(word, line));
  for (const [index, [expected, name]] of COUNTERS.entries()) {
    const [key, value] = first[index] ?? [];
    if (key !== expected) throw malformed(line);
    counters[name] = wholeNumber(value, line);
  }
  for (const word of words.slice(COUNTERS.length)) {
    const [key, value] = keyAndValue(word, line);
    const [, name] = LATER_COUNTERS.find(([known]) => known === key) ?? [];
    const [, kind, reason = ''] = BY_REASON.exec(key) ?? [];
    if (name !== undefined) counters[name] = wholeNumber(value, line);
    else if (kind === 'failed' && isFailureReason(reason)) failures.set(reason, wholeNumber(value, line));
    else if (kind === 'dropped' && isDropReason(reason)) dropped.set(reason, wholeNumber(value, line));
    else if (key === 'dials') counters.dialTimes = { ...counters.dialTimes, counts: dialCounts(value, line) };
    else if (key === 'dial-us')
      counters.dialTimes = { ...counters.dialTimes, sumMs: wholeNumber(value, line) / 1_000 };
  }
  return {
    ...counters,
    failures: Object.fromEntries(failures),
    droppedByReason: Object.fromEntries(dropped),
  };
}

function dialCounts(value: string, line: string): DialTimes['counts'] {
  const counts = value.split(',').map((count) => wholeNumber(count, line));
  if (counts.length !== NO_DIALS.counts.length) throw malformed(line);
  return counts;
}

function keyAndValue(word: string, line: string): readonly [key: string, value: string] {
  const [key, value, ...more] = word.split('=');
  if (key === undefined || key === '' || value === undefined || value === '' || more.length > 0)
    throw malformed(line);
  return [key, value];
}

function isDropReason(word: string): word is DropReason {
  return Object.hasOwn(DROP_REASONS, word);
}

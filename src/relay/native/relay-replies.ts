import { parseAddress } from '../../model/address.js';
import { type Endpoint, type EndpointKey, endpoint } from '../../model/endpoint.js';
import type { Protocol, ServicePortName } from '../../model/service-port.js';
import type {
  EndpointCounters,
  FailureReason,
  OpenPortal,
  PortalAddress,
  PortalCounters,
  RelayFailure,
} from '../engine.js';
import { NO_TRAFFIC } from '../no-traffic.js';
import { malformed } from './relay-protocol.js';

/** What the relay tells unasked. */
export type RelayEvent =
  | { readonly kind: 'failure'; readonly failure: RelayFailure }
  | { readonly kind: 'files-exhausted' | 'udp-sessions-exhausted'; readonly limit: number }
  | { readonly kind: 'connections-exhausted'; readonly name: ServicePortName | null; readonly limit: number }
  | { readonly kind: 'files-available' }
  | { readonly kind: 'lost'; readonly events: number }
  | { readonly kind: 'refused' };

const REASONS: Readonly<Record<FailureReason, true>> = {
  'no-endpoints': true,
  'dial-refused': true,
  'dial-timeout': true,
  'dial-unreachable': true,
  'dial-failed': true,
  'endpoint-reset': true,
  'icmp-refused': true,
  'leads-back': true,
  'out-of-files': true,
  'too-many-connections': true,
  'half-closed-timeout': true,
};

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
];

/**
 * A line that begins with `* `, from the word after it.
 *
 * @throws KubeSpliceError `RELAY_MALFORMED` here and in what follows, for a line that the protocol does not have.
 */
export function parseEvent(text: string): RelayEvent {
  const words = text.split(' ');
  const [kind, argument] = words;
  if (kind === 'failure') return { kind, failure: parseFailure(words, text) };
  if (kind === 'files-available' && words.length === 1) return { kind };
  if (kind === 'refused' && words.length === 1) return { kind };
  if (kind === 'connections-exhausted' && words.length === 3) {
    const name = argument === '-' ? null : portalName(argument, text);
    return { kind, name, limit: wholeNumber(words[2], text) };
  }
  if (words.length !== 2) throw malformed(text);
  if (kind === 'files-exhausted' || kind === 'udp-sessions-exhausted') {
    return { kind, limit: wholeNumber(argument, text) };
  }
  if (kind === 'lost') return { kind, events: wholeNumber(argument, text) };
  throw malformed(text);
}

/** What follows `ok` in the answer to `portal`. */
export function parsePortalAddress(text: string): PortalAddress {
  const [address, port, ...more] = text.split(' ');
  if (more.length > 0) throw malformed(text);
  return { address: ipAddress(address, text), port: portNumber(port, text) };
}

/** The lines that answer `portals`, without their tags. */
export function parsePortals(lines: readonly string[]): Map<ServicePortName, OpenPortal> {
  const portals = new Map<ServicePortName, OpenPortal>();
  for (const line of lines) {
    const [verb, name, protocol, address, port, ...more] = line.split(' ');
    if (verb !== 'portal' || more.length > 0) throw malformed(line);
    portals.set(portalName(name, line), {
      protocol: protocolOf(protocol, line),
      address: ipAddress(address, line),
      port: portNumber(port, line),
    });
  }
  return portals;
}

/** The lines that answer `counters`, without their tags; with every endpoint that the relay tells of. */
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
  if (words.length < COUNTERS.length) throw malformed(line);
  for (const [index, text] of words.entries()) {
    const [key, value, ...more] = text.split('=');
    const [, name] = COUNTERS[index] ?? LATER_COUNTERS.find(([word]) => word === key) ?? [];
    if (name === undefined || (COUNTERS[index]?.[0] ?? key) !== key || more.length > 0) throw malformed(line);
    counters[name] = wholeNumber(value, line);
  }
  return counters;
}

/** `failure NAME tcp|udp CLIENT ENDPOINT REASON DETAIL final|retried` */
function parseFailure(words: readonly string[], line: string): RelayFailure {
  const [, name, protocol, client, to, reason, detail, end, ...more] = words;
  if (end === undefined || detail === undefined || more.length > 0) throw malformed(line);
  if (end !== 'final' && end !== 'retried') throw malformed(line);
  const { address, port } = endpointOf(client, line);
  return {
    name: portalName(name, line),
    protocol: protocolOf(protocol, line),
    client: { address, port },
    ...(to === '-' ? {} : { endpoint: endpointOf(to, line) }),
    reason: reasonOf(reason, line),
    ...(detail === '-' ? {} : { detail }),
    final: end === 'final',
  };
}

function reasonOf(word: string | undefined, line: string): FailureReason {
  if (word === undefined || !Object.hasOwn(REASONS, word)) throw malformed(line);
  return word as FailureReason;
}

/** Whatever name it is: another peer's portal may have one that no service port has, and then is nobody's here. */
function portalName(word: string | undefined, line: string): ServicePortName {
  if (word === undefined || word === '') throw malformed(line);
  return word as ServicePortName;
}

function protocolOf(word: string | undefined, line: string): Protocol {
  if (word === 'tcp') return 'TCP';
  if (word === 'udp') return 'UDP';
  throw malformed(line);
}

/** `10.0.0.4:8080`, `[fd00::4]:8080`, in whatever spelling. */
function endpointOf(word: string | undefined, line: string): Endpoint {
  const [, bracketed, plain, port] = /^(?:\[([0-9a-f:.]+)\]|([0-9.]+)):(\d{1,5})$/i.exec(word ?? '') ?? [];
  return endpoint(ipAddress(bracketed ?? plain, line), portNumber(port, line));
}

/** In canonical text, whatever form the relay's C library gives it. */
function ipAddress(word: string | undefined, line: string): string {
  const parsed = parseAddress(word ?? '');
  if (parsed === undefined) throw malformed(line);
  return parsed.address;
}

function portNumber(word: string | undefined, line: string): number {
  const port = wholeNumber(word, line);
  if (port > 65_535) throw malformed(line);
  return port;
}

function wholeNumber(word: string | undefined, line: string): number {
  if (word === undefined || !/^\d{1,20}$/.test(word)) throw malformed(line);
  return Number(word);
}

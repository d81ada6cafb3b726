import { parseAddress } from '../../model/address.js';
import { type Endpoint, endpoint } from '../../model/endpoint.js';
import type { Protocol, ServicePortName } from '../../model/service-port.js';
import type { FailureReason, OpenPortal, PortalAddress, RelayFailure } from '../engine.js';
import { malformed } from './relay-protocol.js';

/** What the relay tells unasked. */
export type RelayEvent =
  | { readonly kind: 'failure'; readonly failure: RelayFailure }
  | { readonly kind: 'files-exhausted' | 'udp-sessions-exhausted'; readonly limit: number }
  | { readonly kind: 'connections-exhausted'; readonly name: ServicePortName | null; readonly limit: number }
  | { readonly kind: 'files-available' }
  | { readonly kind: 'lost'; readonly events: number }
  | { readonly kind: 'refused' };

/** Every reason that there is. */
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

export function isFailureReason(word: string): word is FailureReason {
  return Object.hasOwn(REASONS, word);
}

function reasonOf(word: string | undefined, line: string): FailureReason {
  if (word === undefined || !isFailureReason(word)) throw malformed(line);
  return word;
}

/** Whatever name it is: another peer's portal may have one that no service port has, and then is nobody's here. */
export function portalName(word: string | undefined, line: string): ServicePortName {
  if (word === undefined || word === '') throw malformed(line);
  return word as ServicePortName;
}

function protocolOf(word: string | undefined, line: string): Protocol {
  if (word === 'tcp') return 'TCP';
  if (word === 'udp') return 'UDP';
  throw malformed(line);
}

/** `10.0.0.4:8080`, `[fd00::4]:8080`, in whatever spelling. */
export function endpointOf(word: string | undefined, line: string): Endpoint {
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

export function wholeNumber(word: string | undefined, line: string): number {
  if (word === undefined || !/^\d{1,20}$/.test(word)) throw malformed(line);
  return Number(word);
}

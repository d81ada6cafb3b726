import { type EndpointKey, hostPort } from '../../model/endpoint.js';
import { KubeSpliceError } from '../../model/errors.js';
import type { ServicePortName, SessionAffinity } from '../../model/service-port.js';
import type { PortalRequest, PortalRouting } from '../engine.js';

/**
 * What this process says to the relay (`native/PROTOCOL.md`, version 1). A request is its lines without the tag and without
 * the last line feed; the first line gets the tag, and so do those that follow it.
 */
export type RequestLines = readonly string[];

export const PROTOCOL_VERSION = 1;

/** Bytes of a line, its line feed left out. */
export const LONGEST_LINE = 4_096;

const LONGEST_NAME = 512;
const MOST_ENDPOINTS = 65_536;
const LONGEST_AFFINITY_SECONDS = 86_400;
/** `udp-idle-ms`, `udp-reply-ms`. */
const LONGEST_IDLE_MS = 2 ** 31 - 1;

/** What the relay says of itself when somebody connects. */
export interface Greeting {
  readonly pid: number;
  readonly threads: number;
  /** How many files it may have open. */
  readonly files: number;
  readonly uid: number;
  readonly seccomp: boolean;
}

/** What `configure` sets; what is left out stays as it is. */
export interface RelaySettings {
  readonly udpIdleMs: number;
  readonly udpSessions: number;
  readonly files?: number | undefined;
}

const GREETING =
  /^kube-splice-relay (\d{1,9}) pid=(\d{1,10}) threads=(\d{1,3}) files=(\d{1,12}) uid=(\d{1,10}) seccomp=(on|off)$/;

/**
 * The relay's first line.
 *
 * @throws KubeSpliceError `RELAY_MALFORMED` where it is none of this version.
 */
export function parseGreeting(line: string): Greeting {
  const [, version, pid, threads, files, uid, seccomp] = GREETING.exec(line) ?? [];
  if (version === undefined) throw malformed(line);
  if (Number(version) !== PROTOCOL_VERSION) {
    const message = `the relay speaks version ${version} of the protocol, kube-splice ${PROTOCOL_VERSION}`;
    throw new KubeSpliceError('RELAY_MALFORMED', message);
  }
  return {
    pid: Number(pid),
    threads: Number(threads),
    files: Number(files),
    uid: Number(uid),
    seccomp: seccomp === 'on',
  };
}

/** The error for a line that the protocol does not have. */
export function malformed(line: string): KubeSpliceError {
  const shown = line.length > 200 ? `${line.slice(0, 200)}…` : line;
  return new KubeSpliceError('RELAY_MALFORMED', `the relay said ${JSON.stringify(shown)}`);
}

/** True where the protocol can carry this name. Those of Kubernetes' objects it can. */
export function canBeNamed(name: ServicePortName): boolean {
  return name.length <= LONGEST_NAME && /^[\x21-\x7e]+$/.test(name);
}

export function hello(): RequestLines {
  return [`hello ${PROTOCOL_VERSION}`];
}

export function configure({ udpIdleMs, udpSessions, files }: RelaySettings): RequestLines {
  const idle = Math.min(LONGEST_IDLE_MS, Math.max(1, Math.ceil(udpIdleMs)));
  const words = [`configure udp-idle-ms=${idle} udp-sessions=${udpSessions}`];
  if (files !== undefined) words.push(`files=${files}`);
  return [words.join(' ')];
}

/** 0 is never. A request of its own: an older relay refuses it, and does everything else. */
export function configureHalfClosed(ms: number): RequestLines {
  return [`configure half-closed-ms=${Math.min(LONGEST_IDLE_MS, Math.max(0, Math.ceil(ms)))}`];
}

/** By itself: a relay that does not know it refuses all of its request. */
export function configureReplies(udpReplyMs: number): RequestLines {
  return [`configure udp-reply-ms=${Math.min(LONGEST_IDLE_MS, Math.max(0, Math.ceil(udpReplyMs)))}`];
}

/** Of all portals together; 0 is no limit. By itself, as above. */
export function configureConnections(connections: number): RequestLines {
  return [`configure connections=${connections}`];
}

/** Of one portal; 0 is no limit. An older relay knows no such request. */
export function limit(name: ServicePortName, connections: number): RequestLines {
  return [`limit ${name} connections=${connections}`];
}

export function portal({ name, protocol, address, port, routing }: PortalRequest): RequestLines {
  return routed(`portal ${name} ${protocol.toLowerCase()} ${address} ${port}`, routing);
}

export function route(name: ServicePortName, routing: PortalRouting): RequestLines {
  return routed(`route ${name}`, routing);
}

export function close(name: ServicePortName): RequestLines {
  return [`close ${name}`];
}

/** Closes every other portal. */
export function keep(names: readonly ServicePortName[]): RequestLines {
  return [`keep ${names.length}`, ...names.map((name) => `name ${name}`)];
}

/** @param client an IP address. */
export function affinityOf(name: ServicePortName, client: string): RequestLines {
  return [`affinity ${name} ${client}`];
}

/** `ms` is held to a whole number that is not negative. */
export function shutdown(ms: number): RequestLines {
  return [`shutdown ${Math.min(LONGEST_IDLE_MS, Math.max(0, Math.ceil(ms)))}`];
}

/** Endpoints are distinct there, and no more than a request may have; those beyond get no connections. */
function routed(begin: string, { endpoints, sessionAffinity, leadsBack }: PortalRouting): RequestLines {
  const distinct = new Map<EndpointKey, string>();
  for (const { key, address, port } of endpoints) {
    if (distinct.size === MOST_ENDPOINTS) break;
    const mark = leadsBack?.has(key) === true ? ' leads-back' : '';
    distinct.set(key, `endpoint ${hostPort(address, port)}${mark}`);
  }
  return [`${begin} ${affinity(sessionAffinity)} endpoints=${distinct.size}`, ...distinct.values()];
}

function affinity(sessionAffinity: SessionAffinity): string {
  if (sessionAffinity.type === 'None') return 'affinity=none';
  const seconds = Math.round(sessionAffinity.timeoutSeconds);
  return `affinity=${Math.min(LONGEST_AFFINITY_SECONDS, Math.max(1, seconds))}`;
}

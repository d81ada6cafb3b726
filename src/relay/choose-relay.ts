import { availableParallelism } from 'node:os';
import type { ProxyConfig } from '../config/proxy-config.js';
import type { Logger } from '../host/log.js';
import { KubeSpliceError } from '../model/errors.js';
import type { RelayEngine, RelayObserver } from './engine.js';
import { NativeRelay } from './native/native-relay.js';
import { RelayProcess } from './native/relay-process.js';
import { isExecutable, type RelayProgram, relayPrograms } from './native/relay-program.js';
import { RelaySocket } from './native/relay-socket.js';
import type { RelaySource } from './native/relay-source.js';
import { PortableRelay } from './portable/portable-relay.js';

export interface ChosenRelay {
  readonly engine: RelayEngine;
  readonly reason: string;
}

/** What a relay is chosen by, beside the configuration. */
export interface RelayPlace {
  /** How many files this process may have open. */
  readonly openFileLimit: number;
  readonly observer: RelayObserver;
  readonly logger: Logger;
  /** Node's word for the system. */
  readonly platform?: string;
  /** Where the native relay is looked for. */
  readonly programs?: readonly RelayProgram[];
  /** How long a relay that is to listen on a socket is waited for, ms. */
  readonly socketPatienceMs?: number;
}

/** Descriptors that the process needs beside its relay: log files, manifests, watches, status clients, Node's own. */
const FILES_KEPT_BACK = 64;

/**
 * Each session has a port of its own from the system's range (`ip_local_port_range`, 28,232 ports by default). A flood of
 * clients must not take them all: every other program of this host would find none left.
 */
const MOST_UDP_SESSIONS = 16_384;

/** Enough to be of some use where hardly any are allowed. */
const FEWEST_FILES = 16;

/** Where the number of open files has no limit, the relay sets one of its own. */
const MOST_FILES = 1_000_000;

/** More than these share little, and each has its own stack and buffers. */
const MOST_THREADS_BY_DEFAULT = 4;

/**
 * The relay that `--relay` asks for, and why it is that one. `auto` takes the native one wherever it runs.
 *
 * @throws KubeSpliceError `RELAY_UNAVAILABLE` where the native relay is asked for and can't be had; `RELAY_UNREACHABLE` where
 *   none listens at `--relay-socket`.
 */
export async function chooseRelay(config: ProxyConfig, place: RelayPlace): Promise<ChosenRelay> {
  const asked = config.relay === 'auto' ? 'auto' : `--relay=${config.relay}`;
  if (config.relay === 'portable') return { engine: portable(config, place), reason: asked };
  if (config.relaySocket !== null) return atSocket(config, place, config.relaySocket);
  const started = await startProgram(config, place);
  if (typeof started !== 'string') return { ...started, reason: `${asked}: ${started.reason}` };
  if (config.relay === 'native')
    throw new KubeSpliceError('RELAY_UNAVAILABLE', `no native relay: ${started}`);
  return { engine: portable(config, place), reason: `auto: no native relay: ${started}` };
}

/** Sessions of UDP that a relay may have at once, which may open so many files. */
export function maxUdpSessions({ udpMaxSessions }: ProxyConfig, files: number): number {
  return udpMaxSessions > 0
    ? udpMaxSessions
    : Math.max(1, Math.min(MOST_UDP_SESSIONS, Math.floor(files / 2)));
}

function portable(config: ProxyConfig, { openFileLimit, observer }: RelayPlace): PortableRelay {
  const maxOpenFiles = Math.min(MOST_FILES, Math.max(FEWEST_FILES, openFileLimit - FILES_KEPT_BACK));
  return new PortableRelay({
    udpIdleTimeoutMs: config.udpIdleTimeoutMs,
    halfClosedTimeoutMs: config.halfClosedTimeoutMs,
    udpReplyTimeoutMs: config.udpReplyTimeoutMs,
    maxConnections: config.maxConnections,
    maxOpenFiles,
    maxUdpSessions: maxUdpSessions(config, maxOpenFiles),
    observer,
  });
}

async function atSocket(config: ProxyConfig, place: RelayPlace, socket: string): Promise<ChosenRelay> {
  try {
    const engine = await native(config, place, new RelaySocket(socket, undefined, place.socketPatienceMs));
    return { engine, reason: `--relay-socket: ${socket} answers${described(engine)}` };
  } catch (cause) {
    const message = `no relay answers at ${socket}: ${errorMessage(cause)}`;
    throw new KubeSpliceError('RELAY_UNREACHABLE', message, { cause });
  }
}

/** The first program that is there, started; or why there is none. */
async function startProgram(config: ProxyConfig, place: RelayPlace): Promise<ChosenRelay | string> {
  const platform = place.platform ?? process.platform;
  if (platform !== 'linux') return `it is for Linux, and this is ${platform}`;
  const programs = (place.programs ?? relayPrograms()).filter(({ path }) => isExecutable(path));
  const failures: string[] = [];
  for (const { path, shown } of programs) {
    const threads = config.relayThreads || Math.min(MOST_THREADS_BY_DEFAULT, availableParallelism());
    const source = new RelayProcess({ program: path, threads, logger: place.logger });
    try {
      const engine = await native(config, place, source);
      return { engine, reason: `${shown} runs here${described(engine)}` };
    } catch (error) {
      failures.push(`${shown} does not run here: ${errorMessage(error)}`);
    }
  }
  return failures.length > 0
    ? failures.join('; ')
    : 'not built: run `npm run build:native` with make and a C++17 compiler';
}

function native(config: ProxyConfig, place: RelayPlace, source: RelaySource): Promise<NativeRelay> {
  return NativeRelay.start({
    source,
    observer: place.observer,
    logger: place.logger,
    udpIdleTimeoutMs: config.udpIdleTimeoutMs,
    halfClosedTimeoutMs: config.halfClosedTimeoutMs,
    udpReplyTimeoutMs: config.udpReplyTimeoutMs,
    maxConnections: config.maxConnections,
    maxUdpSessions: (files) => maxUdpSessions(config, files),
  });
}

function described({ greeting }: NativeRelay): string {
  if (greeting === undefined) return '';
  const { threads, uid, seccomp } = greeting;
  return ` (${threads} ${threads === 1 ? 'thread' : 'threads'}, uid ${uid}, seccomp ${seccomp ? 'on' : 'off'})`;
}

function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

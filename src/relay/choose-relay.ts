import type { ProxyConfig } from '../config/proxy-config.js';
import type { LeadsBack, RelayEngine, RelayObserver } from './engine.js';
import { PortableRelay } from './portable/portable-relay.js';

export interface ChosenRelay {
  readonly engine: RelayEngine;
  readonly reason: string;
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

/** The relay that `--relay` asks for, as far as it is there, and why it is that one. */
export function chooseRelay(
  config: ProxyConfig,
  openFileLimit: number,
  observer: RelayObserver,
  leadsBack?: LeadsBack,
): ChosenRelay {
  const maxOpenFiles = Math.min(MOST_FILES, Math.max(FEWEST_FILES, openFileLimit - FILES_KEPT_BACK));
  return {
    engine: new PortableRelay({
      udpIdleTimeoutMs: config.udpIdleTimeoutMs,
      maxOpenFiles,
      maxUdpSessions: Math.min(MOST_UDP_SESSIONS, Math.floor(maxOpenFiles / 2)),
      observer,
      leadsBack,
    }),
    reason:
      config.relay === 'portable'
        ? '--relay=portable'
        : `--relay=${config.relay}: there is no native relay in this version`,
  };
}

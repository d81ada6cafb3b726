import { formatDuration } from '../config/duration.js';
import { deepFreeze } from '../config/freeze.js';
import type { ProxyConfig } from '../config/proxy-config.js';
import { parseWholeNumber } from '../config/whole-number.js';
import type { FlagName } from './flags.js';
import { IGNORED_FLAGS } from './flags-of-kube-proxy.js';
import type { GivenFlags } from './given-flags.js';

/** A configuration that can be had, and a sentence for each way in which it is less than what was asked for. */
export interface Settled {
  readonly config: ProxyConfig;
  readonly warnings: readonly string[];
}

/** The longest that a timer of Node waits, 24 days; a longer one would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

const HIGHEST_MASQUERADE_BIT = 31;

/**
 * Replaces what cannot be had by the nearest safe thing, and says so. What is not built yet leaves this file when it
 * arrives.
 *
 * @throws KubeSpliceError `FLAG_INVALID` for a flag without effect whose value cannot be read all the same.
 */
export function settle(flags: GivenFlags, asked: ProxyConfig): Settled {
  const warnings = [
    ...warningsForMasquerading(flags),
    ...warningsForTheStateDirectory(asked),
    ...warningsForTheRelay(flags, asked),
  ];
  const config = { ...asked };
  if (asked.proxyMode === 'iptables') {
    config.proxyMode = 'userspace';
    warnings.push(`${flags.nameOf('proxy-mode')}=iptables is not built yet: userspace runs instead`);
  }
  config.udpIdleTimeoutMs = heldToTimer(flags, 'udp-timeout', asked.udpIdleTimeoutMs, warnings);
  config.halfClosedTimeoutMs = heldToTimer(flags, 'half-closed-timeout', asked.halfClosedTimeoutMs, warnings);
  config.udpReplyTimeoutMs = heldToTimer(flags, 'udp-reply-timeout', asked.udpReplyTimeoutMs, warnings);
  config.shutdownDelayMs = heldToTimer(flags, 'shutdown-delay', asked.shutdownDelayMs, warnings);
  config.drainTimeoutMs = heldToTimer(flags, 'drain-timeout', asked.drainTimeoutMs, warnings);
  config.syncPeriodMs = heldToTimer(flags, 'iptables-sync-period', asked.syncPeriodMs, warnings);
  return { config: deepFreeze(config), warnings };
}

/** One sentence for each flag of kube-proxy that was given and changes nothing. */
export function warningsForIgnoredFlags(flags: GivenFlags): readonly string[] {
  return IGNORED_FLAGS.filter(({ name }) => flags.has(name)).map(
    ({ name, because }) => `${flags.nameOf(name)} has no effect here: ${because}`,
  );
}

function warningsForTheStateDirectory({ apiServer, stateDirectory }: ProxyConfig): readonly string[] {
  return stateDirectory === null || apiServer !== null
    ? []
    : ['--state-dir has no effect: manifests are on disk already, and no API server is asked'];
}

function warningsForTheRelay(
  flags: GivenFlags,
  { relay, relaySocket, relayThreads }: ProxyConfig,
): readonly string[] {
  const warnings: string[] = [];
  if (relay === 'portable' && relaySocket !== null) {
    warnings.push('--relay-socket has no effect with --relay=portable: the relay is in this process');
  }
  if (relay !== 'portable' && relaySocket !== null && flags.has('drain-timeout')) {
    warnings.push(
      '--drain-timeout has no effect with --relay-socket: that relay goes on with its connections',
    );
  }
  if (relay === 'portable' && relayThreads !== 0) {
    warnings.push('--relay-threads has no effect with --relay=portable: it has one thread');
  } else if (relaySocket !== null && relayThreads !== 0) {
    warnings.push('--relay-threads has no effect with --relay-socket: whoever starts that relay sets it');
  }
  return warnings;
}

function warningsForMasquerading(flags: GivenFlags): readonly string[] {
  const bit = flags.read('iptables-masquerade-bit', (text) =>
    parseWholeNumber(text, 0, HIGHEST_MASQUERADE_BIT),
  );
  const asked: FlagName[] = [];
  if (flags.isTrue('masquerade-all')) asked.push('masquerade-all');
  if (bit !== undefined) asked.push('iptables-masquerade-bit');
  return asked.map(
    (name) =>
      `${flags.nameOf(name)} has no effect: the relay connects from this node, so every endpoint answers it`,
  );
}

function heldToTimer(flags: GivenFlags, name: FlagName, milliseconds: number, warnings: string[]): number {
  if (milliseconds <= LONGEST_TIMER_MS) return milliseconds;
  warnings.push(
    `${flags.nameOf(name)}: ${formatDuration(milliseconds)} is held to ${formatDuration(LONGEST_TIMER_MS)}, the longest that can be timed`,
  );
  return LONGEST_TIMER_MS;
}

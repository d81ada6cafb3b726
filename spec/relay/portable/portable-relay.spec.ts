import { PortableRelay } from '../../../src/relay/portable/portable-relay.js';
import type { StartEngine } from '../contract-engine.js';
import { describeRelayContract } from '../relay-contract.js';

/** More than any spec opens, and less than a process may. */
const MAX_OPEN_FILES = 15_000;
const MAX_UDP_SESSIONS = 10_000;

const start: StartEngine = async (options) =>
  new PortableRelay({ maxOpenFiles: MAX_OPEN_FILES, maxUdpSessions: MAX_UDP_SESSIONS, ...options });

describeRelayContract('portable', start);

import { describe } from 'vitest';
import { SILENT_LOGGER } from '../../../src/host/log.js';
import { NativeRelay } from '../../../src/relay/native/native-relay.js';
import { RelayProcess } from '../../../src/relay/native/relay-process.js';
import { NATIVE_RELAY, NATIVE_RELAY_MISSING } from '../../support/native-relay-program.js';
import { describeRelayContract } from '../relay-contract.js';

const MAX_OPEN_FILES = 15_000;
const MAX_UDP_SESSIONS = 10_000;

describe.skipIf(NATIVE_RELAY_MISSING)('the native relay (skipped where it is not built)', () => {
  describeRelayContract('native', ({ maxOpenFiles, maxUdpSessions, ...options }) =>
    NativeRelay.start({
      ...options,
      source: new RelayProcess({ program: NATIVE_RELAY, threads: 2, logger: SILENT_LOGGER }),
      logger: SILENT_LOGGER,
      maxOpenFiles: maxOpenFiles ?? MAX_OPEN_FILES,
      maxUdpSessions: () => maxUdpSessions ?? MAX_UDP_SESSIONS,
      ...options,
    }),
  );
});

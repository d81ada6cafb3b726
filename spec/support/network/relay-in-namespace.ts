import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { SILENT_LOGGER } from '../../../src/host/log.js';
import { NativeRelay } from '../../../src/relay/native/native-relay.js';
import { RelayProcess } from '../../../src/relay/native/relay-process.js';
import { NATIVE_RELAY, NATIVE_RELAY_MISSING } from '../native-relay-program.js';
import { RecordingObserver } from '../recording-observer.js';
import { temporaryDirectory } from '../temporary-directory.js';
import type { NetworkNamespace } from './network-namespace.js';

const PROGRAMS_MISSING = ['ip', 'unshare'].some(
  (program) => spawnSync('/bin/sh', ['-c', 'command -v "$1"', 'sh', program]).status !== 0,
);
const MAY_UNSHARE = !PROGRAMS_MISSING && spawnSync('unshare', ['--net', 'true']).status === 0;

/** Namespaces need root (unshare(2)). */
export const RELAY_IN_NAMESPACE_MISSING = NATIVE_RELAY_MISSING || !MAY_UNSHARE;

/** The native relay with its sockets in a network namespace, and what it told. It ends with the test. */
export async function startRelayIn(
  namespace: NetworkNamespace,
): Promise<{ readonly relay: NativeRelay; readonly observer: RecordingObserver }> {
  const program = join(temporaryDirectory(), 'relay');
  const command = [...namespace.through, NATIVE_RELAY].map((word) => `'${word}'`).join(' ');
  writeFileSync(program, `#!/bin/sh\nexec ${command} "$@"\n`, { mode: 0o755 });
  const observer = new RecordingObserver();
  const relay = await NativeRelay.start({
    source: new RelayProcess({ program, threads: 2, logger: SILENT_LOGGER }),
    observer,
    logger: SILENT_LOGGER,
    udpIdleTimeoutMs: 30_000,
    maxUdpSessions: () => 100,
  });
  onTestFinished(() => relay.shutdown(0));
  return { relay, observer };
}
